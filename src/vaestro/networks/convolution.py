"""Convolutional encoder and decoder in 1, 2 or 3 dimensions, for sizes odd or even.

Each stage halves every spatial axis: n -> floor((n + 2p - k) / 2) + 1 with p = floor((k - 1) / 2);
the decoder's transposed stages return to exactly n by an output padding of 0 or 1.
Shape letters: B batch, C channels, K latents, F features, P outputs per element.
"""

from itertools import pairwise
from math import prod
from typing import Annotated, Any, Literal, Self, cast

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from vaestro.foundation.config import Widths
from vaestro.foundation.errors import RecipeError
from vaestro.networks.initialise import OUTPUT_GAIN, initialise, initialise_head
from vaestro.networks.layers import Block, LayerConfig

_CONVOLUTIONS: dict[int, Any] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
_TRANSPOSED: dict[int, Any] = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}


class ConvolutionConfig(LayerConfig):
    """Stages of stride-2 convolutions with `channels`, in the order in which the data pass them.

    Each stage is followed by `blocks` convolutions that keep the size (residual ones if
    `residual`); `dense` widths stand between the flattened grid and the latent space.
    """

    kind: Literal["convolution"] = "convolution"
    channels: Widths = (32, 64)
    kernel: Annotated[int, Field(ge=2)] = 3
    blocks: Annotated[int, Field(ge=0)] = 0
    dense: Widths = ()

    @model_validator(mode="after")
    def _centred(self) -> Self:
        if self.blocks and self.kernel % 2 == 0:
            raise ValueError(
                f"kernel={self.kernel} with blocks={self.blocks}: a size-keeping convolution needs "
                f"an odd kernel; give kernel={self.kernel + 1} or blocks=0"
            )
        return self


def grid_sizes(shape: tuple[int, ...], config: ConvolutionConfig) -> list[tuple[int, ...]]:
    """The spatial size before the first and after each stage of the encoder.

    Raises RecipeError when the samples are no grid, the kernel exceeds them, or a stage would
    halve an axis of length 1.
    """
    if not 2 <= len(shape) <= 4:
        raise RecipeError(
            f"a convolution needs samples of shape (channels, length[, height[, width]]), "
            f"and these are {shape}; use a dense network (kind=dense)"
        )
    sizes = [shape[1:]]
    if config.kernel > min(shape[1:]):
        raise RecipeError(
            f"kernel={config.kernel} is larger than the sample's grid {shape[1:]}; "
            f"give at most {min(shape[1:])}"
        )
    padding = (config.kernel - 1) // 2
    for stage in range(len(config.channels)):
        if min(sizes[-1]) < 2:
            raise RecipeError(
                f"{len(config.channels)} stages halve the grid {shape[1:]} too often; "
                f"give at most {stage} channels"
            )
        sizes.append(tuple((n + 2 * padding - config.kernel) // 2 + 1 for n in sizes[-1]))
    return sizes


def _same(config: ConvolutionConfig, channels: int, dimensions: int) -> list[nn.Module]:
    """`blocks` convolutions that keep the grid."""
    layer = _CONVOLUTIONS[dimensions]
    return [
        Block(
            layer(channels, channels, config.kernel, padding="same"),
            config,
            channels,
            dimensions,
            same_shape=True,
        )
        for _ in range(config.blocks)
    ]


def _dense(config: ConvolutionConfig, sizes: tuple[int, ...]) -> nn.Sequential:
    return nn.Sequential(
        *(Block(nn.Linear(a, b), config, b, 0, same_shape=a == b) for a, b in pairwise(sizes))
    )


class ConvolutionEncoder(nn.Module):
    """(B, C, *) -> (B, F): stages, flatten, dense layers."""

    def __init__(
        self, config: ConvolutionConfig, shape: tuple[int, ...], generator: torch.Generator
    ) -> None:
        super().__init__()
        dimensions = len(shape) - 1
        sizes = grid_sizes(shape, config)
        layer, padding = _CONVOLUTIONS[dimensions], (config.kernel - 1) // 2
        stages: list[nn.Module] = []
        for a, b in pairwise((shape[0], *config.channels)):
            strided = layer(a, b, config.kernel, stride=2, padding=padding)
            stages += [Block(strided, config, b, dimensions, same_shape=False)]
            stages += _same(config, b, dimensions)
        self.stages = nn.Sequential(*stages)
        flat = (config.channels[-1] if config.channels else shape[0]) * prod(sizes[-1])
        self.dense = _dense(config, (flat, *config.dense))
        self.out_features = config.dense[-1] if config.dense else flat
        initialise(self, config.initialisation, generator)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, *); returns (B, F)."""
        features: Tensor = self.dense(self.stages(x).flatten(1))
        return features


class ConvolutionDecoder(nn.Module):
    """(B, K) -> (B, P, C, *): dense layers, a grid, transposed stages, the last being the head."""

    def __init__(
        self,
        config: ConvolutionConfig,
        latent: int,
        shape: tuple[int, ...],
        outputs: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        if not config.channels:
            raise RecipeError(
                "a convolutional decoder needs channels, for example channels=[64,32]"
            )
        dimensions = len(shape) - 1
        sizes = grid_sizes(shape, config)[::-1]
        self.shape = (outputs, *shape)
        self.grid = (config.channels[0], *sizes[0])
        self.dense = _dense(config, (latent, *config.dense, prod(self.grid)))
        steps = list(pairwise(sizes))
        stages = _same(config, config.channels[0], dimensions)
        for (a, b), step in zip(pairwise(config.channels), steps[:-1], strict=True):
            stages += [Block(_upward(config, a, b, step), config, b, dimensions, same_shape=False)]
            stages += _same(config, b, dimensions)
        self.stages = nn.Sequential(*stages)
        self.head = _upward(config, config.channels[-1], outputs * shape[0], steps[-1])
        initialise(self, config.initialisation, generator)
        initialise_head(self.head, generator, OUTPUT_GAIN)

    def forward(self, z: Tensor) -> Tensor:
        """z: (B, K); returns (B, P, C, *)."""
        grid = self.dense(z).unflatten(1, self.grid)
        outputs: Tensor = self.head(self.stages(grid)).unflatten(1, self.shape[:2])
        return outputs

    def start_at(self, outputs: Tensor) -> None:
        """The head's bias, one number a channel, becomes the mean of `outputs` (P, C, *) over *."""
        with torch.no_grad():
            bias = cast(Tensor, self.head.bias)
            bias.copy_(outputs.flatten(2).mean(2).flatten())


def _upward(
    config: ConvolutionConfig, inputs: int, outputs: int, sizes: tuple[tuple[int, ...], ...]
) -> nn.Module:
    """The transposed convolution that takes the grid from sizes[0] to exactly sizes[1]."""
    small, large = sizes
    padding = (config.kernel - 1) // 2
    short = [
        b - ((a - 1) * 2 - 2 * padding + config.kernel) for a, b in zip(small, large, strict=True)
    ]
    module: nn.Module = _TRANSPOSED[len(small)](
        inputs, outputs, config.kernel, stride=2, padding=padding, output_padding=tuple(short)
    )
    return module
