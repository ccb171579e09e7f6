"""Data terms that are summed over the wrong axes. Shape letters: B batch, * the sample's axes."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from vaestro.foundation.errors import RecipeError
from vaestro.models.vae import VAE
from vaestro.studies.faults.replaced import replace_log_prob

LogProb = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class OneAxis:
    """The last axis is summed and the others are averaged."""

    right: LogProb

    def __call__(self, x: Tensor, outputs: Tensor) -> Tensor:
        """(B,)"""
        return self.right(x, outputs) / math.prod(x.shape[1:-1])


@dataclass(frozen=True)
class EveryOther:
    """(B, *) minus (B, 1, *) is (B, B, *): each sample is compared with the outputs of all."""

    right: LogProb

    def __call__(self, x: Tensor, outputs: Tensor) -> Tensor:
        """(B,), each the sum over all B outputs."""
        return torch.stack([self.right(x, outputs.roll(shift, 0)) for shift in range(len(x))]).sum(
            0
        )


def plant_one_axis(vae: VAE, random: torch.Generator) -> None:
    """Sum the data term over the last axis alone: of 96 x 96 pixels it counts a 96th."""
    if len(vae.shape) < 2:
        raise RecipeError(
            "one-image-axis is a fault of samples with several axes; plant it into a model of "
            "images, volumes or streamlines"
        )
    replace_log_prob(vae, OneAxis(vae.likelihood.log_prob))


def plant_broadcast(vae: VAE, random: torch.Generator) -> None:
    """Compare every sample with every output of its batch."""
    replace_log_prob(vae, EveryOther(vae.likelihood.log_prob))
