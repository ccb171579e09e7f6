"""What every network family is made of: activation, normalisation, blocks of layers.

Shape letters: B batch, C channels, E condition width, * spatial axes.
"""

import math
from collections.abc import Callable
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from vaestro.foundation.config import Config
from vaestro.networks.dropout import Dropout
from vaestro.networks.initialise import Initialisation
from vaestro.networks.recomputing import Recomputing

Activation = Literal["none", "relu", "leaky-relu", "elu", "silu", "gelu", "tanh"]
Normalisation = Literal["none", "batch", "group"]

_ACTIVATIONS: dict[Activation, Callable[[], nn.Module]] = {
    "none": nn.Identity,
    "relu": nn.ReLU,
    "leaky-relu": lambda: nn.LeakyReLU(0.01),
    "elu": nn.ELU,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
}
_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class LayerConfig(Config):
    """Fields of every network family. Heads carry none of these: they are plain linear maps.

    `normalise_last` puts the normalisation behind the activation instead of before it.
    """

    activation: Activation = "relu"
    normalisation: Normalisation = "none"
    normalise_last: bool = False
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


class Film(nn.Module):
    """x * (1 + scale(c)) + shift(c), a scale and a shift a channel (Perez et al. 2018, eq. 1).

    It starts as the identity: the condition is taken in as training finds a use for it.
    """

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2 * channels, width))
        self.bias = nn.Parameter(torch.zeros(2 * channels))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """x: (B, C, *); condition: (B, E); returns (B, C, *)."""
        both = nn.functional.linear(condition, self.weight, self.bias)
        scale, shift = both.reshape(*both.shape, *(1,) * (x.dim() - 2)).chunk(2, dim=1)
        return x * (1 + scale) + shift


class Block(nn.Module):
    """layer, normalisation, FiLM, activation, dropout, plus the input when `residual` fits.

    `film` is the condition's width where it scales and shifts the channels, else 0.
    """

    def __init__(
        self,
        layer: nn.Module,
        config: LayerConfig,
        channels: int,
        dimensions: int,
        same_shape: bool,
        film: int = 0,
    ) -> None:
        super().__init__()
        norm = normalisation(config.normalisation, channels, dimensions)
        early, late = (None, norm) if config.normalise_last else (norm, None)
        self.layer = _sequence(layer, early)
        self.film = Film(film, channels) if film else None
        drop = Dropout(config.dropout) if config.dropout else None
        self.after = _sequence(activation(config.activation), late, drop)
        self.residual = config.residual and same_shape

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """(B, C, *) -> (B, C', *')."""
        changed: Tensor = self.layer(x)
        if self.film is not None:
            assert condition is not None, "a network with FiLM needs the condition"
            changed = self.film(changed, condition)
        changed = self.after(changed)
        return x + changed if self.residual else changed


def _sequence(*parts: nn.Module | None) -> nn.Sequential:
    return nn.Sequential(*(part for part in parts if part is not None))


class Chain(Recomputing):
    """Blocks one after another, each given the condition."""

    def __init__(self, blocks: list[Block]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def __len__(self) -> int:
        return len(self.blocks)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """(B, C, *) -> (B, C', *')."""
        return self.passed(list(self.blocks), x, condition)
