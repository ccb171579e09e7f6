"""The spectrum of many rows with many elements: randomised, a few passes over re-read batches.

Shape letters: N samples, E numbers in a row, h directions, k eigenvalues.
"""

from collections.abc import Callable, Iterable

from torch import Tensor

from vaestro.health.forecast.halves import Raw, crossed, held_out_count
from vaestro.health.forecast.rows import HalvedRows
from vaestro.transforms.moments import measure
from vaestro.transforms.range_finder import randomised

MOST_SKETCHED = 256
"""At most so many leading eigenvalues: each is a row of E numbers in 64 bits."""


def from_sketch(rows: HalvedRows, wanted: int) -> Raw:
    """The leading sample eigenvalues by subspace iteration, and those of each half held out.

    The directions are those of `transforms.range_finder`; memory is three sets of them and a batch.
    """
    moments = measure(rows.all())
    count = held_out_count(rows, wanted)
    asked = min(max(wanted, count, 1), MOST_SKETCHED, rows.width, rows.samples - 1)
    found = randomised(rows.all(), moments, asked)
    of_first, of_second = (
        _directions(rows.half(side), count, found.vectors) for side in (True, False)
    )
    halves, along = crossed(rows, of_first, of_second, found.vectors[:, 0])
    return Raw(found.values.cpu(), float(moments.variance.sum()), along, halves)


def _directions(half: Callable[[], Iterable[Tensor]], count: int, like: Tensor) -> Tensor:
    """The leading directions (E, count) of one half."""
    if count == 0:
        return like.new_zeros(len(like), 0)
    return randomised(half, measure(half), count).vectors
