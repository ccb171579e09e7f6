"""The spectrum of rows with few elements: by the covariances of both halves, formed in one pass.

Shape letters: N samples, E numbers in a row.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from vaestro.health.forecast.halves import Raw, crossed, held_out_count
from vaestro.health.forecast.rows import HalvedRows


class Sums(NamedTuple):
    """Their number, sum (E,) and sum of products (E, E) of one half."""

    samples: int
    total: Tensor
    products: Tensor

    @property
    def covariance(self) -> Tensor:
        """(E, E), 1/n."""
        mean = self.total / max(self.samples, 1)
        return self.products / max(self.samples, 1) - torch.outer(mean, mean)

    def plus(self, other: "Sums") -> "Sums":
        """Of both halves together."""
        return Sums(
            self.samples + other.samples,
            self.total + other.total,
            self.products + other.products,
        )


def from_covariances(rows: HalvedRows, wanted: int) -> Raw:
    """All E sample eigenvalues, and the leading directions held out; two passes."""
    first, second = _sums(rows)
    values, vectors = torch.linalg.eigh(first.plus(second).covariance)
    count = held_out_count(rows, wanted)
    of_first, of_second = (_directions(half, count) for half in (first, second))
    halves, along = crossed(rows, of_first, of_second, vectors[:, -1])
    return Raw(values.flip(0).clamp(min=0), float(values.sum()), along, halves)


def _directions(half: Sums, count: int) -> Tensor:
    """The leading eigenvectors (E, count) of one half's covariance."""
    if count == 0:
        return half.products.new_zeros(len(half.products), 0)
    vectors: Tensor = torch.linalg.eigh(half.covariance)[1]
    return vectors.flip(1)[:, :count]


def _sums(rows: HalvedRows) -> tuple[Sums, Sums]:
    """One pass. Rows are nearly centred, so that products lose no digits to the mean."""
    sums = {side: _nothing(rows.width) for side in (True, False)}
    for x, first in rows.halves():
        x = x.double().cpu() if rows.wide else x
        before = sums[first]
        sums[first] = Sums(
            before.samples + len(x),
            before.total.add_(x.double().sum(0).cpu()),
            before.products.add_((x.T @ x).cpu()),
        )
    return sums[True], sums[False]


def _nothing(width: int) -> Sums:
    zeros = torch.zeros(width, width, dtype=torch.float64)
    return Sums(0, torch.zeros(width, dtype=torch.float64), zeros)
