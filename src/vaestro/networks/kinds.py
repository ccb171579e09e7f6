"""The network kinds by name, and how each is built."""

from collections.abc import Callable
from typing import Annotated, Any, cast

import torch
from pydantic import Field

from vaestro.foundation.config import ByKind
from vaestro.foundation.errors import RecipeError
from vaestro.networks.body import Conditioning, Decoder, Encoder, Shape
from vaestro.networks.convolution import ConvolutionConfig, ConvolutionDecoder, ConvolutionEncoder
from vaestro.networks.dense import DenseConfig, DenseDecoder, DenseEncoder
from vaestro.networks.explicit import LayersConfig, LayersDecoder, LayersEncoder
from vaestro.networks.finta import FintaConfig, finta_decoder, finta_encoder
from vaestro.networks.unet import UnetConfig, UnetDecoder, UnetEncoder

AnyNetwork = DenseConfig | ConvolutionConfig | UnetConfig | FintaConfig | LayersConfig
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
) -> Encoder:
    """The encoder that `config` describes, for samples of `shape`."""
    _require_layers(config, conditioning, "encoder")
    return cast(Encoder, _ENCODERS[type(config)](config, shape, conditioning, generator))


def build_decoder(
    config: AnyNetwork,
    latents: tuple[Shape, ...],
    shape: Shape,
    outputs: int,
    conditioning: Conditioning,
    generator: torch.Generator,
) -> Decoder:
    """The decoder that `config` describes: latents of each level -> (B, outputs, *shape)."""
    _require_layers(config, conditioning, "decoder")
    built = _DECODERS[type(config)](config, latents, shape, outputs, conditioning, generator)
    return cast(Decoder, built)


def _require_layers(config: AnyNetwork, conditioning: Conditioning, side: str) -> None:
    """Raise RecipeError where FiLM finds no layer whose channels it could scale and shift."""
    if conditioning.filmed and isinstance(config, DenseConfig) and not config.widths:
        raise RecipeError(
            f"model.condition.how=film acts on hidden layers, and model.{side} has none; give "
            "model.condition.how=join"
        )
