"""A quantity over the steps of training, thinned so that no peak is lost.

Letter: R records.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vaestro.reports.facts import RunFacts, finite

MOST_POINTS = 700
"""A longer line is thinned to the lowest and highest value of so many halves of stretches."""


@dataclass(frozen=True)
class Curve:
    """One quantity of one split over the steps; both (R,), a missing value is NaN."""

    steps: NDArray[np.float64]
    values: NDArray[np.float64]

    @property
    def empty(self) -> bool:
        """Whether there is no finite value to draw."""
        return not bool(np.isfinite(self.values).any())


def curve(facts: RunFacts, split: str, quantity: str) -> Curve:
    """The curve of `quantity`, such as data_term, thinned for drawing."""
    rows = [row for row in facts.rows(split) if finite(row.get("step")) is not None]
    known = (finite(row.get(quantity)) for row in rows)
    return thinned(
        np.array([float(row["step"]) for row in rows]),
        np.array([np.nan if value is None else value for value in known]),
    )


def thinned(
    steps: NDArray[np.float64], values: NDArray[np.float64], most: int = MOST_POINTS
) -> Curve:
    """At most `most` points: each stretch keeps its lowest and highest, so no peak is lost."""
    if len(steps) <= most:
        return Curve(steps, values)
    kept = extremes(steps, values, most)
    return Curve(steps[kept], values[kept])


def extremes(
    steps: NDArray[np.float64], values: NDArray[np.float64], most: int
) -> NDArray[np.intp]:
    """Which of the values (R,) stay when at most `most` do: the first, the last, and the lowest and
    highest of each of equally long stretches of steps; in order. `steps` must not fall."""
    kept = np.zeros(len(values), np.bool_)
    kept[[0, -1]] = True
    known = np.flatnonzero(np.isfinite(values))
    if not len(known):
        return np.flatnonzero(kept)
    stretches = max(1, most // 2 - 1)
    along = (steps[known] - steps[0]) / max(float(steps[-1] - steps[0]), 1.0)
    stretch = np.minimum((along * stretches).astype(np.intp), stretches - 1)
    begins = np.flatnonzero(np.diff(stretch, prepend=-1))
    among, sizes = values[known], np.diff(np.append(begins, len(known)))
    for most_of in (np.minimum, np.maximum):
        peaks = np.flatnonzero(among == np.repeat(most_of.reduceat(among, begins), sizes))
        first = np.diff(stretch[peaks], prepend=-1) > 0
        kept[known[peaks[first]]] = True
    return np.flatnonzero(kept)
