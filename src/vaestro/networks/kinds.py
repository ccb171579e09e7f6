"""The network kinds by name, and how each is built."""

from collections.abc import Callable
from typing import Annotated, Any, cast

import torch
from pydantic import Field
from torch import nn

from vaestro.foundation.config import ByKind
from vaestro.foundation.errors import RecipeError
from vaestro.networks.body import Conditioning, Decoder, Encoder, Shape
from vaestro.networks.convolution import ConvolutionConfig, ConvolutionDecoder, ConvolutionEncoder
from vaestro.networks.dense import DenseConfig, DenseDecoder, DenseEncoder
from vaestro.networks.explicit import LayersConfig, LayersDecoder, LayersEncoder
from vaestro.networks.finta import FintaConfig, finta_decoder, finta_encoder
from vaestro.networks.part import GivenConfig, PartConfig, foreign_decoder, foreign_encoder
from vaestro.networks.unet import UnetDecoder, UnetEncoder
from vaestro.networks.unet_config import UnetConfig

AnyNetwork = (
    DenseConfig
    | ConvolutionConfig
    | UnetConfig
    | FintaConfig
    | LayersConfig
    | PartConfig
    | GivenConfig
)
NetworkConfig = Annotated[Annotated[AnyNetwork, Field(discriminator="kind")], ByKind]

_ENCODERS: dict[type, Callable[..., Any]] = {
    DenseConfig: DenseEncoder,
    ConvolutionConfig: ConvolutionEncoder,
    UnetConfig: UnetEncoder,
    FintaConfig: finta_encoder,
    LayersConfig: LayersEncoder,
}
_DECODERS: dict[type, Callable[..., Any]] = {
    DenseConfig: DenseDecoder,
    ConvolutionConfig: ConvolutionDecoder,
    UnetConfig: UnetDecoder,
    FintaConfig: finta_decoder,
    LayersConfig: LayersDecoder,
}


def build_encoder(
    config: AnyNetwork,
    shape: Shape,
    conditioning: Conditioning,
    generator: torch.Generator,
    given: nn.Module | None = None,
) -> Encoder:
    """The encoder that `config` describes, for samples of `shape`; `given`: Python's module for
    `kind: given`."""
    _require_place(config, given, "encoder")
    if isinstance(config, PartConfig | GivenConfig):
        return foreign_encoder(config, shape, conditioning, generator, given)
    _require_layers(config, conditioning, "encoder")
    return cast(Encoder, _ENCODERS[type(config)](config, shape, conditioning, generator))


def build_decoder(
    config: AnyNetwork,
    latents: tuple[Shape, ...],
    shape: Shape,
    outputs: int,
    conditioning: Conditioning,
    generator: torch.Generator,
    given: nn.Module | None = None,
) -> Decoder:
    """The decoder that `config` describes: latents of each level -> (B, outputs, *shape); `given`:
    Python's module for `kind: given`."""
    _require_place(config, given, "decoder")
    if isinstance(config, PartConfig | GivenConfig):
        return foreign_decoder(config, latents, shape, outputs, conditioning, generator, given)
    _require_layers(config, conditioning, "decoder")
    built = _DECODERS[type(config)](config, latents, shape, outputs, conditioning, generator)
    return cast(Decoder, built)


def _require_place(config: AnyNetwork, given: nn.Module | None, side: str) -> None:
    """Raise RecipeError when Python gives a module where the recipe has a network of its own."""
    if given is not None and not isinstance(config, GivenConfig):
        raise RecipeError(
            f"{side}={type(given).__name__} was given, and model.{side} is of kind {config.kind}, "
            f"which needs no module; leave {side}=... out"
        )


def _require_layers(config: AnyNetwork, conditioning: Conditioning, side: str) -> None:
    """Raise RecipeError where FiLM finds no layer whose channels it could scale and shift."""
    if conditioning.filmed and isinstance(config, DenseConfig) and not config.widths:
        raise RecipeError(
            f"model.condition.how=film acts on hidden layers, and model.{side} has none; give "
            "model.condition.how=join"
        )
