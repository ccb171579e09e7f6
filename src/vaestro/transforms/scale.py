"""Stated numbers: y = (x - mean) / std, nothing is measured."""

from typing import Literal

import torch
from pydantic import Field

from vaestro.foundation.config import Config
from vaestro.transforms.affine import Affine


class ScaleConfig(Config):
    """One `mean` and one `std` for every element, in natural units, as stated."""

    kind: Literal["scale"] = "scale"
    mean: float = 0.0
    std: float = Field(default=1.0, gt=0)


def scaling(config: ScaleConfig, shape: tuple[int, ...]) -> Affine:
    """The transform of `config` for samples of `shape`."""
    mean, std = torch.tensor([config.mean, config.std], dtype=torch.float64)
    return Affine(mean.expand(shape), std.expand(shape))
