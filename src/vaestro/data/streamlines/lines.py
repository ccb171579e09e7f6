"""Streamlines of unequal lengths, kept end to end in one array.

Shape letters: N lines, P points of all lines together, n points of one line.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from vaestro.foundation.errors import DataError


@dataclass(frozen=True)
class Lines:
    """N polylines. points: (P, 3) float32, millimetres; starts: (N + 1,) int64, line i has the
    points from starts[i] up to starts[i + 1]. Make it with `of` or `from_counts`."""

    points: np.ndarray
    starts: np.ndarray

    @classmethod
    def of(cls, lines: Iterable[Any]) -> "Lines":
        """From arrays or tensors of shape (n, 3), a list of them, a nibabel ArraySequence or one
        array (N, n, 3). Raises DataError for another shape or for what is no number."""
        if isinstance(lines, Lines):
            return lines
        parts = [_points(line, number) for number, line in enumerate(lines)]
        counts = np.array([len(part) for part in parts], np.int64)
        return cls.from_counts(np.concatenate(parts) if parts else np.empty((0, 3)), counts)

    @classmethod
    def from_counts(cls, points: np.ndarray, counts: np.ndarray) -> "Lines":
        """From points (P, 3) and how many of them (N,) each line has."""
        starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        return cls(np.ascontiguousarray(points, np.float32), starts)

    @classmethod
    def joined(cls, parts: Iterable["Lines"]) -> "Lines":
        """The lines of all `parts`, in order."""
        held = list(parts)
        counts = np.concatenate([part.counts for part in held])
        return cls.from_counts(np.concatenate([part.points for part in held]), counts)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, number: int) -> np.ndarray:
        """The points (n, 3) of one line."""
        first, last = self.starts[:-1][number], self.starts[1:][number]
        line: np.ndarray = self.points[first:last]
        return line

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[number] for number in range(len(self)))

    @property
    def counts(self) -> np.ndarray:
        """How many points each line has (N,)."""
        counts: np.ndarray = np.diff(self.starts)
        return counts

    @property
    def owners(self) -> np.ndarray:
        """The number of the line that each point belongs to (P,)."""
        return np.repeat(np.arange(len(self)), self.counts)

    def sums(self, values: np.ndarray) -> np.ndarray:
        """The sums (N,) over each line of `values` (P,), one a point; 64 bits."""
        return np.bincount(self.owners, values, minlength=len(self))

    def take(self, chosen: np.ndarray) -> "Lines":
        """The lines for which `chosen` (N,) is true, in order."""
        return Lines.from_counts(self.points[chosen[self.owners]], self.counts[chosen])

    def part(self, first: int, last: int) -> "Lines":
        """The lines from `first` up to `last`."""
        points = self.points[self.starts[first] : self.starts[last]]
        return Lines(points, self.starts[first : last + 1] - self.starts[first])

    def steps(self) -> np.ndarray:
        """The distance (P,) in mm from each point to the next of its line, 64 bits; 0 at the end
        of a line."""
        moves = np.diff(self.points.astype(np.float64), axis=0)
        lengths = np.zeros(len(self.points))
        lengths[:-1] = np.sqrt((moves**2).sum(1))
        ends = self.starts[1:] - 1
        lengths[ends[self.counts > 0]] = 0.0
        return lengths

    def reversed_where(self, chosen: np.ndarray) -> "Lines":
        """The same lines, those for which `chosen` (N,) is true running the other way."""
        place = np.arange(len(self.points))
        mirrored = (self.starts[:-1] + self.starts[1:] - 1)[self.owners] - place
        order = np.where(chosen[self.owners], mirrored, place)
        return Lines(self.points[order], self.starts)


def _points(line: Any, number: int) -> np.ndarray:
    """One line as (n, 3) numbers."""
    try:
        array = np.asarray(line)
    except (TypeError, ValueError, RuntimeError):
        raise DataError(
            f"streamline {number} is a {type(line).__name__} and no array of numbers; "
            "give each streamline as an array of shape (points, 3), in millimetres"
        ) from None
    if array.ndim != 2 or array.shape[1] != 3 or array.dtype.kind not in "fiu":
        raise DataError(
            f"streamline {number} has shape {array.shape} of {array.dtype}; "
            "give each streamline as numbers of shape (points, 3), in millimetres"
        )
    return array.astype(np.float32)
