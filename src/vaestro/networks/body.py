"""What an encoder and a decoder must offer: the interface that every family and any user's fits."""

from typing import Protocol

from torch import Tensor, nn


class EncoderBody(Protocol):
    """(B, *) -> (B, out_features): the features that the posterior's head reads."""

    out_features: int

    def __call__(self, x: Tensor) -> Tensor: ...


class Decoder(Protocol):
    """(B, K) -> (B, P, *): P outputs for each element of the sample."""

    head: nn.Module

    def __call__(self, z: Tensor) -> Tensor: ...

    def start_at(self, outputs: Tensor) -> None:
        """Set the head's bias so that the decoder's output starts near `outputs` (P, *)."""
