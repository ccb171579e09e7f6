"""The eigenvalues of the rows' covariance, of the sample and cross-validated.

Eigenvalues of few samples of many elements are inflated: 1,000 samples of white noise with 171,500
elements show 198 where 1 is true. So directions are found in one half of the samples and the
variance along them is measured in the other, both ways, and averaged.

Shape letters: N samples, E numbers in a row, h directions held out, k eigenvalues.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from vaestro.health.forecast.covariance import from_covariances
from vaestro.health.forecast.halves import Raw
from vaestro.health.forecast.inner import from_gram
from vaestro.health.forecast.rows import HalvedRows
from vaestro.health.forecast.sketch import from_sketch

MOST_FOR_COVARIANCE = 2048
"""Elements of a row up to which its covariance is formed."""

MOST_FOR_GRAM = 3000
"""Samples up to which their inner products are formed, where the elements are more."""

Z_95 = 1.96


class Spectrum(NamedTuple):
    """values: (k,) sample eigenvalues, largest first, all of them or the leading ones; held_out:
    (h,) cross-validated, falling; error: (h,) their standard errors; total: the sum of all sample
    eigenvalues; samples: N; along: (N,) the rows' coordinates along the first sample direction."""

    values: Tensor
    held_out: Tensor
    error: Tensor
    total: float
    samples: int
    along: Tensor

    def interval(self) -> list[tuple[float, float]]:
        """95 % of each held-out eigenvalue, from the spread of the squared projections."""
        reach = Z_95 * self.error
        low = (self.held_out - reach).clamp(min=0)
        return list(zip(low.tolist(), (self.held_out + reach).tolist(), strict=True))

    def times(self, factor: float) -> "Spectrum":
        """The spectrum of the same rows times the square root of `factor`."""
        return Spectrum(
            self.values * factor,
            self.held_out * factor,
            self.error * factor,
            self.total * factor,
            self.samples,
            self.along * factor**0.5,
        )


def spectrum(rows: HalvedRows, wanted: int) -> Spectrum:
    """The spectrum of `rows`, at least its `wanted` leading eigenvalues where there are so many.

    Exact by the covariance of few elements or the inner products of few samples, else by a
    randomised subspace iteration (a few passes, memory of one batch and a few rows a direction).
    """
    raw = _engine(rows)(rows, wanted)
    held_out, error = _cross_validated(raw)
    return Spectrum(raw.values, held_out, error, raw.total, rows.samples, raw.along)


def _engine(rows: HalvedRows) -> Callable[[HalvedRows, int], Raw]:
    if rows.width <= MOST_FOR_COVARIANCE and rows.width <= rows.samples:
        return from_covariances
    if rows.samples <= MOST_FOR_GRAM:
        return from_gram
    return from_covariances if rows.width <= MOST_FOR_COVARIANCE else from_sketch


def _cross_validated(raw: Raw) -> tuple[Tensor, Tensor]:
    """Variances (h,) along the other half's directions, made to fall, and their standard errors.

    True eigenvalues fall from direction to direction, so that neighbours which do not are averaged
    (pool adjacent violators: the least-squares falling sequence).
    """
    squares = torch.cat([_centred(half).square() for half in raw.crossed])
    if squares.numel() == 0:
        return squares.new_zeros(0), squares.new_zeros(0)
    return falling(squares.mean(0)), squares.std(0) / len(squares) ** 0.5


def _centred(values: Tensor) -> Tensor:
    """Less their mean, with the factor that makes the mean square unbiased."""
    centred: Tensor = values - values.mean(0)
    centred *= (len(values) / max(len(values) - 1, 1)) ** 0.5
    return centred


def falling(values: Tensor) -> Tensor:
    """The falling sequence nearest to `values` (h,) in squares."""
    blocks: list[tuple[float, int]] = []
    for value in values.tolist():
        mean, size = value, 1
        while blocks and blocks[-1][0] < mean:
            before, many = blocks.pop()
            mean, size = (before * many + mean * size) / (many + size), many + size
        blocks.append((mean, size))
    flat = [mean for mean, size in blocks for _ in range(size)]
    return torch.tensor(flat, dtype=torch.float64)
