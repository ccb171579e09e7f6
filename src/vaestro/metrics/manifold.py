"""Fidelity and variety of samples by nearest neighbours in a space of features.

Each set's support is drawn as balls around its members that reach to the k-th nearest other one.
Shape letters: N real features, M features of samples, D numbers each.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from vaestro.foundation.errors import DataError

NEIGHBOURS = 5


class Manifold(NamedTuple):
    """Shares in [0, 1], and a density that is 1 in expectation for equal distributions.

    precision   samples that lie within a ball of some real one (Kynkäänniemi et al. 2019)
    recall      real ones that lie within a ball of some sample
    density     how many balls of real ones a sample lies in, over k (Naeem et al. 2020)
    coverage    balls of real ones that hold a sample
    """

    precision: float
    recall: float
    density: float
    coverage: float


def manifold(real: Tensor, made: Tensor, neighbours: int = NEIGHBOURS) -> Manifold:
    """All four of `real` (N, D) and `made` (M, D), with balls to the k-th neighbour, 64 bits.

    For equal distributions and N = M precision and recall are high but depend on D, density is 1
    and coverage 1 - (N-1)(N-2)...(N-k) / ((2N-1)...(2N-k)), about 1 - 2^-k (Naeem et al., eq. 6 and
    appendix). One outlier among real ones raises precision, which is why density counts. Memory:
    N times M. Raises DataError unless both have more than `neighbours` members.
    """
    if min(len(real), len(made)) <= neighbours:
        raise DataError(
            f"{neighbours} neighbours need more than {neighbours} of each set, and these have "
            f"{len(real)} and {len(made)}; give more samples"
        )
    real, made = real.double(), made.double()
    apart = torch.cdist(real, made)
    reach, reach_made = _reach(real, neighbours), _reach(made, neighbours)
    inside = apart <= reach[:, None]
    return Manifold(
        precision=_share(inside.any(0)),
        recall=_share((apart <= reach_made).any(1)),
        density=float(inside.double().sum(0).mean() / neighbours),
        coverage=_share(inside.any(1)),
    )


def _reach(points: Tensor, neighbours: int) -> Tensor:
    """The distance (N,) of each point (N, D) to its k-th nearest other one."""
    apart = torch.cdist(points, points).fill_diagonal_(torch.inf)
    reach: Tensor = apart.kthvalue(neighbours, dim=1).values
    return reach


def _share(found: Tensor) -> float:
    return float(found.double().mean())
