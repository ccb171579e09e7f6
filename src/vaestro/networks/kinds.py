"""The network kinds by name, and how each is built."""

from typing import Annotated, cast

import torch
from pydantic import Field
from torch import nn

from vaestro.foundation.config import ByKind
from vaestro.networks.body import Decoder, EncoderBody
from vaestro.networks.convolution import ConvolutionConfig, ConvolutionDecoder, ConvolutionEncoder
from vaestro.networks.dense import DenseConfig, DenseDecoder, DenseEncoder

NetworkConfig = Annotated[
    Annotated[DenseConfig | ConvolutionConfig, Field(discriminator="kind")], ByKind
]

_ENCODERS: dict[type, type[nn.Module]] = {
    DenseConfig: DenseEncoder,
    ConvolutionConfig: ConvolutionEncoder,
}
_DECODERS: dict[type, type[nn.Module]] = {
    DenseConfig: DenseDecoder,
    ConvolutionConfig: ConvolutionDecoder,
}


def build_encoder(
    config: DenseConfig | ConvolutionConfig, shape: tuple[int, ...], generator: torch.Generator
) -> EncoderBody:
    """The encoder body that `config` describes, for samples of `shape`."""
    return cast(EncoderBody, _ENCODERS[type(config)](config, shape, generator))


def build_decoder(
    config: DenseConfig | ConvolutionConfig,
    latent: int,
    shape: tuple[int, ...],
    outputs: int,
    generator: torch.Generator,
) -> Decoder:
    """The decoder that `config` describes: (B, latent) -> (B, outputs, *shape)."""
    return cast(Decoder, _DECODERS[type(config)](config, latent, shape, outputs, generator))
