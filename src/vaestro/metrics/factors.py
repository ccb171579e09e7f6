"""Known factors of variation as the scores of disentanglement read them, and codes in bins.

Shape letters: N samples, F factors, K latents, V values of a factor, B bins.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

BINS = 20
"""Codes, and factors of more values, are cut into so many bins (Locatello et al. 2019)."""


class Factor(NamedTuple):
    """One factor: its number for each sample (N,); `ordered` for a quantity, else a label."""

    name: str
    values: Tensor
    ordered: bool

    @property
    def levels(self) -> Tensor:
        """(N,) whole numbers from 0: the factor's values where there are at most 20 of them, or it
        is a label; else which of 20 equally full bins the value is in."""
        numbers = _numbered(self.values)
        if not self.ordered or int(numbers.max()) < BINS:
            return numbers
        exact = self.values.double()
        edges = torch.quantile(exact, torch.linspace(0, 1, BINS + 1).double()[1:-1])
        return _numbered(torch.searchsorted(edges, exact, right=True))

    @property
    def varies(self) -> bool:
        """Whether the samples differ in it."""
        return bool((self.values != self.values[0]).any())


def _numbered(values: Tensor) -> Tensor:
    """Which of the distinct values in rising order each one is, (N,)."""
    numbers: Tensor = torch.unique(values, return_inverse=True)[1]
    return numbers


def binned(z: Tensor) -> Tensor:
    """Each column of codes (N, K) in 20 bins of equal width between its extremes, (N, K)."""
    least, most = z.min(0).values, z.max(0).values
    width = torch.where(most > least, most - least, 1.0)
    return ((z - least) / width * BINS).long().clamp(max=BINS - 1)


def mutual_information(one: Tensor, other: Tensor) -> float:
    """The plug-in mutual information in nats of two columns of whole numbers (N,).

    Too large for independent ones by about (B - 1)(V - 1) / 2N (Miller 1955).
    """
    wide = int(other.max()) + 1
    joint = torch.bincount(one * wide + other, minlength=(int(one.max()) + 1) * wide)
    share = joint.double().reshape(-1, wide) / len(one)
    parts = [share, share.sum(1), share.sum(0)]
    both, first, second = (float(torch.special.entr(part).sum()) for part in parts)
    return max(0.0, first + second - both)


def entropy(levels: Tensor) -> float:
    """The plug-in entropy in nats of whole numbers (N,), at most ln V."""
    share = torch.bincount(levels).double() / len(levels)
    return float(torch.special.entr(share).sum())


def concentration(shares: Tensor) -> float:
    """1 - H(p) / ln n of shares p (n,) that sum to 1: 1 where one has all, 0 where all are equal.

    1 where there is but one.
    """
    if len(shares) < 2:
        return 1.0
    return 1 - float(torch.special.entr(shares).sum()) / math.log(len(shares))
