"""The streamline encoder and decoder of FINTA: Legarreta et al. 2021, Medical Image Analysis 72.

Both are lists of layers, written out here from a few fields. Shape letters: n points.
"""

from math import prod
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import nn

from vaestro.foundation.config import Config
from vaestro.foundation.errors import RecipeError
from vaestro.networks.body import Conditioning, Shape, require_one_level, require_same_grid
from vaestro.networks.explicit import LayersConfig, LayersDecoder, LayersEncoder
from vaestro.networks.explicit_layers import (
    AnyLayer,
    ConvolutionLayer,
    DenseLayer,
    GridLayer,
    Sizes,
    UpsampleLayer,
)
from vaestro.networks.initialise import (
    LAYERS,
    OUTPUT_GAIN,
    Initialisation,
    fans,
    initialise_head,
)
from vaestro.networks.layers import Activation
from vaestro.networks.resizing import UpsampleMode

FEATURE_GAIN = 0.01
"""The encoder's last convolution starts this small, so that log-variances do so on unscaled
millimetres (|x| up to 100), where they are 2 and at gain 1 were 200.

Squared error of the autoencoder relative to the mean's, after 100 steps of Adam at 6.8e-4 on smooth
curves of 256 points in millimetres (divided by 50): 0.09 (0.08); at gain 1 0.10 (0.11); with
`uniform` 0.59 (0.67).
"""


class FintaConfig(Config):
    """Reflecting convolutions over the points of a streamline (3, n), each but the last halving n.

    channels: the encoder's, from its first convolution on; a decoder passes them backwards, so both
    sides are given the same. kernel: any, odd or even. normalise_last: the normalisation behind the
    activation. upsampling: linear (align_corners=False), as published, or nearest, as a later port
    to TensorFlow has it. initialisation: the encoder's last convolution, unless normalised, starts
    at FEATURE_GAIN; `uniform` is the published rule instead, U(-b, b) with b = 1 / sqrt(fan-in) for
    weights and biases of all layers, which learns more slowly.
    """

    kind: Literal["finta"] = "finta"
    channels: Sizes = (32, 64, 128, 256, 512, 1024)
    kernel: Annotated[int, Field(ge=1)] = 3
    activation: Activation = "relu"
    normalisation: Literal["none", "batch"] = "none"
    normalise_last: bool = True
    upsampling: UpsampleMode = "linear"
    initialisation: Literal[Initialisation, "uniform"] = "he"

    def convolution(self, channels: int | None, stride: int, last: bool) -> ConvolutionLayer:
        """n -> ceil(n / stride), reflected at the ends; the last of a network has no activation."""
        return ConvolutionLayer(
            channels=channels,
            kernel=(self.kernel,),
            stride=(stride,),
            padding="same",
            padding_mode="reflect",
            activation="none" if last else self.activation,
            normalisation="none" if channels is None else self.normalisation,
            normalise_last=self.normalise_last,
        )

    def network(self, layers: list[AnyLayer]) -> LayersConfig:
        """The layers as a configuration; `uniform` is filled in after they are built."""
        scheme = "he" if self.initialisation == "uniform" else self.initialisation
        return LayersConfig(layers=tuple(layers), initialisation=scheme)


def lengths(config: FintaConfig, shape: Shape) -> list[int]:
    """The number of points before each of the encoder's convolutions.

    Raises RecipeError when samples are no streamlines, or too short to be halved so often and to be
    reflected by kernel // 2 points each time.
    """
    if len(shape) != 2:
        raise RecipeError(
            f"kind=finta needs streamlines of shape (3, points), and these samples are {shape}; "
            "give another network, such as kind=convolution"
        )
    halvings = len(config.channels) - 1
    least = 1 + max(config.kernel // 2 * 2**halvings, 2**halvings // 2)
    if shape[1] < least:
        raise RecipeError(
            f"kind=finta with {len(config.channels)} channels and kernel={config.kernel} needs at "
            f"least {least} points, and these streamlines have {shape[1]}; give fewer channels, a "
            "smaller kernel, or resample to more points"
        )
    return [-(-shape[1] // 2**halving) for halving in range(halvings + 1)]


def finta_encoder(
    config: FintaConfig, shape: Shape, conditioning: Conditioning, generator: torch.Generator
) -> LayersEncoder:
    """(B, 3, n) -> (B, channels[-1], n'), n' = n halved len(channels) - 1 times and rounded up.

    A condition that is joined is left to what reads the features. Raises RecipeError when a field
    of the decoder is set, or the samples are too short.
    """
    if config.upsampling != "linear":
        raise RecipeError(
            f"model.encoder.upsampling={config.upsampling}: an encoder does not upsample; give it "
            "to model.decoder"
        )
    lengths(config, shape)
    halving = [config.convolution(channels, 2, last=False) for channels in config.channels[:-1]]
    layers = [*halving, config.convolution(config.channels[-1], 1, last=True)]
    encoder = LayersEncoder(config.network([*layers]), shape, conditioning, generator)
    if config.initialisation == "uniform":
        _uniform(encoder, generator)
    elif config.normalisation == "none":
        *_, last = (layer for layer in encoder.modules() if isinstance(layer, nn.Conv1d))
        initialise_head(last, generator, FEATURE_GAIN)
    return encoder


def finta_decoder(
    config: FintaConfig,
    latents: tuple[Shape, ...],
    shape: Shape,
    outputs: int,
    conditioning: Conditioning,
    generator: torch.Generator,
) -> LayersDecoder:
    """(B, K) or (B, L, n') -> (B, P, 3, n), through the encoder's lengths backwards."""
    sizes, channels = lengths(config, shape)[::-1], config.channels[::-1]
    layers = _entry(config, require_one_level(latents), (channels[0], sizes[0]))
    for width, size in zip(channels[1:], sizes[1:], strict=True):
        layers.append(config.convolution(width, 1, last=False))
        layers.append(UpsampleLayer(size=(size,), mode=config.upsampling))
    layers.append(config.convolution(None, 1, last=True))
    network = config.network(layers)
    decoder = LayersDecoder(network, latents, shape, outputs, conditioning, generator)
    if config.initialisation == "uniform":
        _uniform(decoder, generator)
        initialise_head(decoder.head, generator, OUTPUT_GAIN)
    return decoder


def _entry(config: FintaConfig, latent: Shape, grid: Shape) -> list[AnyLayer]:
    """From the latents to the smallest grid: a dense layer, or a convolution of a grid of them."""
    if len(latent) == 1:
        return [DenseLayer(width=prod(grid), activation="none"), GridLayer(shape=grid)]
    require_same_grid(latent, grid)
    return [config.convolution(grid[0], 1, last=True)]


def _uniform(network: nn.Module, generator: torch.Generator) -> None:
    """Weights and biases from U(-b, b) with b = 1 / sqrt(fan-in), the fan-in being the layer's own.

    One fan-in for all layers gives log-variances of thousands on millimetres.
    """
    for layer in network.modules():
        if isinstance(layer, LAYERS):
            bound = fans(layer)[0] ** -0.5
            for parameter in layer.parameters():
                nn.init.uniform_(parameter, -bound, bound, generator=generator)
