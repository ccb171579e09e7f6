"""The choices that every network family shares: activation and normalisation."""

import math
from collections.abc import Callable
from typing import Literal

from pydantic import Field
from torch import Tensor, nn

from vaestro.foundation.config import Config
from vaestro.networks.initialise import Initialisation

Activation = Literal["relu", "leaky-relu", "elu", "silu", "gelu", "tanh"]
Normalisation = Literal["none", "batch", "group"]

_ACTIVATIONS: dict[Activation, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky-relu": lambda: nn.LeakyReLU(0.01),
    "elu": nn.ELU,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
}
_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class LayerConfig(Config):
    """Fields of every network family. Heads carry none of these: they are plain linear maps."""

    activation: Activation = "relu"
    normalisation: Normalisation = "none"
    initialisation: Initialisation = "he"
    residual: bool = False
    dropout: float = Field(default=0.0, ge=0, lt=1)


def activation(name: Activation) -> nn.Module:
    """A fresh activation module."""
    return _ACTIVATIONS[name]()


def normalisation(name: Normalisation, channels: int, dimensions: int) -> nn.Module | None:
    """A fresh normalisation over `channels` for inputs (B, C, *) with `dimensions` spatial axes.

    group: GroupNorm with the largest number of groups up to 8 that divides the channels.
    """
    if name == "batch":
        return _BATCH_NORMS[dimensions](channels)
    return nn.GroupNorm(math.gcd(8, channels), channels) if name == "group" else None


class Block(nn.Module):
    """layer -> normalisation -> activation -> dropout, plus the input when `residual` fits."""

    def __init__(
        self,
        layer: nn.Module,
        config: LayerConfig,
        channels: int,
        dimensions: int,
        same_shape: bool,
    ) -> None:
        super().__init__()
        parts = [layer, normalisation(config.normalisation, channels, dimensions)]
        parts.append(activation(config.activation))
        parts.append(nn.Dropout(config.dropout) if config.dropout else None)
        self.body = nn.Sequential(*(part for part in parts if part is not None))
        self.residual = config.residual and same_shape

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, *) -> (B, C', *')."""
        changed: Tensor = self.body(x)
        return x + changed if self.residual else changed
