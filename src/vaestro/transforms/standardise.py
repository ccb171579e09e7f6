"""Centre and scale by what the training split measures.

Shape letters: C channels, * the sample's axes.
"""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from vaestro.foundation.config import Config
from vaestro.transforms.affine import Affine
from vaestro.transforms.moments import Batches, measure

Per = Literal["all", "channel", "element"]


class StandardiseConfig(Config):
    """One mean and std `per` element, per channel (the sample's first axis), or for all.

    `scale` each: a std wherever there is a mean; one: a single std for the whole sample, the root
    mean squared distance from those means, so that shapes keep their proportions (streamlines: per
    channel, scale one). A std below `floor` (a constant element) counts as 1: it is centred, never
    blown up.
    """

    kind: Literal["standardise"] = "standardise"
    per: Per = "all"
    scale: Literal["each", "one"] = "each"
    floor: float = Field(default=1e-6, gt=0)


def standardised(config: StandardiseConfig, batches: Batches) -> Affine:
    """The transform of `config`, fitted in one pass."""
    _, mean, variance = measure(batches)
    centre = _grouped(mean, config.per)
    squared = variance + (mean - centre).square()
    std = _grouped(squared, "all" if config.scale == "one" else config.per).sqrt()
    return Affine(centre, torch.where(std < config.floor, 1.0, std))


def _grouped(values: Tensor, per: Per) -> Tensor:
    """`values` (C, ...) with each group replaced by its mean."""
    match per:
        case "all":
            return values.mean().expand_as(values)
        case "channel":
            means = values.flatten(1).mean(1) if values.ndim > 1 else values
            return means.view(-1, *[1] * (values.ndim - 1)).expand_as(values)
        case "element":
            return values
