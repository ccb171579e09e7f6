"""The maximum mean discrepancy: do two sets come from one distribution? (Gretton et al. 2012)

Shape letters: N numbers of one set, M of the other, D numbers each, R permutations.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from vaestro.foundation.errors import DataError


class TwoSample(NamedTuple):
    """Unbiased MMD^2 (about 0 for equal distributions, and negative half of the time then), the
    p-value of a permutation test, and the Gaussian kernel's bandwidth in the features' unit."""

    squared: float
    p_value: float
    bandwidth: float


def unbiased_mmd(within_one: Tensor, within_other: Tensor, between: Tensor) -> Tensor:
    """MMD^2 from the kernel's sums, scalars or (R,): see `kernel_sums`."""
    return within_one + within_other - 2 * between


def mmd_test(
    one: Tensor, other: Tensor, generator: torch.Generator, permutations: int = 199
) -> TwoSample:
    """MMD^2 of sets (N, D) and (M, D) and how rarely chance gives as much.

    Kernel exp(-|a - b|^2 / (2 w^2)); the bandwidth w is the median distance of the pooled set.
    p = (1 + how many of R random relabellings give at least as much) / (1 + R), so the test is
    exact: at equal distributions p <= 0.05 in 5 of 100 trials for R = 199, whatever they are.
    64 bits; memory (N + M)^2. Raises DataError for a set of fewer than two.
    """
    _require(one, other)
    pooled = torch.cat([one, other]).double()
    squared = torch.cdist(pooled, pooled).square()
    bandwidth = _median_distance(squared)
    kernel = torch.exp(-squared / (2 * bandwidth**2))
    first = torch.zeros(1 + permutations, len(pooled), dtype=torch.float64)
    first[0, : len(one)] = 1
    for row in first[1:]:
        row[torch.randperm(len(pooled), generator=generator)[: len(one)]] = 1
    found = unbiased_mmd(*kernel_sums(kernel, first.to(kernel.device)))
    # Rounding must not tell a relabelling that is none from the sets as they are.
    reached = int((found[1:] >= found[0] - 1e-12).sum())
    return TwoSample(float(found[0]), (1 + reached) / (1 + permutations), bandwidth)


def kernel_sums(kernel: Tensor, first: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The mean kernel within one set, within the other (pairs of two different members each) and
    between both, (R,) each.

    kernel: (P, P) of the pooled P; first: (R, P), 1 for members of one set and 0 for the other's.
    """
    second = 1 - first
    diagonal = kernel.diagonal()
    seen = first @ kernel
    whole = kernel.sum(1)
    within = (seen * first).sum(1)
    between = (seen * second).sum(1)
    beyond = second @ whole - between
    n, m = first.sum(1), second.sum(1)
    return (
        (within - first @ diagonal) / (n * (n - 1)),
        (beyond - second @ diagonal) / (m * (m - 1)),
        between / (n * m),
    )


def _median_distance(squared: Tensor) -> float:
    """The median distance of two different members; 1 where that is nothing."""
    rows, columns = torch.triu_indices(len(squared), len(squared), 1)
    median = float(squared[rows, columns].median().clamp(min=0).sqrt())
    return median if median > 0 else 1.0


def _require(one: Tensor, other: Tensor) -> None:
    if min(len(one), len(other)) < 2:
        raise DataError(
            f"sets of {len(one)} and {len(other)} cannot be told apart; give two or more of each"
        )
