"""Do samples repeat training samples? Distances to the nearest one, beside those of held-out ones.

Shape letters: N samples, M held-out samples, T training samples, D numbers each.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

PARTS = 512
CLOSE = 0.05


class Nearest(NamedTuple):
    """distance: (N,), to the nearest training sample; which: (N,), its number; second: (N,), the
    distance to the second nearest, and the same where there is but one."""

    distance: Tensor
    which: Tensor
    second: Tensor

    @property
    def quotient(self) -> float:
        """The mean of nearest over second nearest, in [0, 1]; 1 where both are 0."""
        known = torch.where(self.second > 0, self.distance / self.second, 1.0)
        return float(known.mean())


class Copying(NamedTuple):
    """distance, distance_held: mean distances to the nearest training sample, of samples and of
    held-out data. ratio: their quotient. z: Mann and Whitney's statistic of the two sets of
    distances, standard normal for equal distributions, far below 0 where samples lie nearer to
    training samples than data do (Meehan et al. 2020). close: the share of samples nearer than 5 %
    of the held-out data are. second, second_held: the nearest distance over the second nearest,
    the mean: near 0 for copies of one training sample, far from it for what lies amid many."""

    distance: float
    distance_held: float
    ratio: float | None
    z: float | None
    close: float
    second: float
    second_held: float


def nearest(points: Tensor, training: Tensor) -> Nearest:
    """The nearest of training (T, D) to each of points (N, D), Euclidean, 64 bits, in parts."""
    wide = training.double()
    found = [
        torch.cdist(part, wide).topk(min(2, len(wide)), largest=False)
        for part in points.double().split(PARTS)
    ]
    distances = torch.cat([part.values for part in found])
    which = torch.cat([part.indices[:, 0] for part in found])
    first, second = distances[:, 0].contiguous(), distances[:, -1].contiguous()
    return Nearest(first, which, second)


def copying(samples: Nearest, held: Nearest) -> Copying:
    """From the training samples nearest to N samples and to M held-out data.

    A model that is only bad has samples far from everything, and a ratio above 1; one that is
    blurred, or has samples that are means without observation noise, has samples near to
    everything, and a ratio below 1. Copies have a `second` well below that of held-out data too.
    """
    mean, usual = float(samples.distance.mean()), float(held.distance.mean())
    bar = torch.quantile(held.distance.double(), CLOSE)
    return Copying(
        mean,
        usual,
        mean / usual if usual > 0 else None,
        mann_whitney(samples.distance, held.distance),
        float((samples.distance < bar).double().mean()),
        samples.quotient,
        held.quotient,
    )


def mann_whitney(one: Tensor, other: Tensor) -> float | None:
    """(U - N M / 2) / std(U) of (N,) and (M,): U counts pairs with the first greater, ties half.

    The variance is corrected for ties; None where all numbers are equal (Mann and Whitney 1947).
    """
    n, m = len(one), len(other)
    # In sorted order every comparison is one search.
    ranked = other.double().sort().values
    below = torch.searchsorted(ranked, one.double())
    upto = torch.searchsorted(ranked, one.double(), right=True)
    wins = float((below + upto).double().sum() / 2)
    counts = torch.cat([one, other]).double().unique(return_counts=True)[1].double()
    total = n + m
    ties = float((counts**3 - counts).sum()) / (total * (total - 1)) if total > 1 else 0.0
    variance = n * m / 12 * (total + 1 - ties)
    return (wins - n * m / 2) / math.sqrt(variance) if variance > 1e-9 else None
