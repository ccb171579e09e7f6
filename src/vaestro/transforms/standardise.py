"""Centre and scale: y = (x - mean) / std.

Shape letters: B batch, * the sample's axes.
"""

from collections.abc import Iterable
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from vaestro.foundation.config import Config
from vaestro.transforms.transform import Transform


class StandardiseConfig(Config):
    """`per` all: one mean and one std for every element; element: one each.

    A std below `floor` (a constant element) counts as 1: it is centred, never blown up.
    """

    kind: Literal["standardise"] = "standardise"
    per: Literal["all", "element"] = "all"
    floor: float = Field(default=1e-6, gt=0)


class Standardise(Transform):
    """y = (x - mean) / std with log|det| = -sum log std over the sample's elements."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("std", torch.ones(shape))
        self.register_buffer("log_det", torch.zeros(()))

    mean: Tensor
    std: Tensor

    def apply(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """(x - mean) / std"""
        return (x - self.mean) / self.std

    def invert(self, y: Tensor) -> Tensor:
        """y * std + mean"""
        return y * self.std + self.mean

    def fit(self, config: StandardiseConfig, batches: Iterable[Tensor]) -> None:
        """Measure mean and std (1/N) over `batches` (B, *) of natural samples, in 64 bits."""
        mean, variance = _moments(batches, self.mean.shape)
        if config.per == "all":
            within, between = variance.mean(), mean.var(correction=0)
            mean, variance = mean.mean(), within + between
        std = variance.sqrt()
        self.mean.copy_(mean)
        self.std.copy_(torch.where(std < config.floor, 1.0, std))
        self.log_det.copy_(-self.std.double().log().sum())


def _moments(batches: Iterable[Tensor], shape: torch.Size) -> tuple[Tensor, Tensor]:
    """Mean and variance of every element, (*), in one pass.

    Measured from the first sample on, so that a large common offset costs no digits.
    """
    first, total, squares = (torch.zeros(shape, dtype=torch.float64) for _ in range(3))
    count = 0
    for x in batches:
        wide = x.double().cpu()
        if count == 0:
            first = wide[0]
        total += (wide - first).sum(0)
        squares += (wide - first).square().sum(0)
        count += len(wide)
    shift = total / count
    return first + shift, (squares / count - shift.square()).clamp(min=0)
