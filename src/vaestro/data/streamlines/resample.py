"""Lines of any number of points to lines of a fixed number, evenly spaced along their arc.

Shape letters: N lines, P points of all lines together, n points of one line, K new points a line.
"""

from itertools import pairwise
from typing import Any

import numpy as np

from vaestro.data.streamlines.lines import Lines
from vaestro.foundation.errors import DataError

EVEN = 1e-3
"""How far the steps of a line may be from their mean, relative to it, to count as even already.
float32 coordinates are no more exact than that for steps of a hundredth of a millimetre."""
CHUNK_POINTS = 1_000_000
"""How many points are worked on at once: the 64-bit copies stay below some 200 MB."""


def resampled(line: np.ndarray, points: int) -> np.ndarray:
    """One line (n, 3) as (points, 3), 64 bits: x(s_j) at arc lengths s_j = L j / (points - 1).

    x(s) interpolates linearly between neighbouring points and L is the sum of their distances. The
    end points stay exactly as they are, and so does a line whose `points` points are even already.
    Raises DataError for fewer than 2 points, old or new.
    """
    one: np.ndarray = resample_lines(Lines.of([line]), points)[0]
    return one


def resample_lines(lines: Lines, points: int, dtype: Any = np.float64) -> np.ndarray:
    """Every line as `resampled` gives it: (N, points, 3) as `dtype`, worked out in 64 bits."""
    if points < 2 or (lines.counts < 2).any():
        raise DataError(f"a streamline needs 2 points or more, before and after; asked: {points}")
    result = np.empty((len(lines), points, 3), dtype)
    for first, last in _chunks(lines, points):
        result[first:last] = _resampled(lines.part(first, last), points)
    return result


def deviation(lines: Lines, copies: np.ndarray) -> np.ndarray:
    """How far (N,) in mm the points of each line lie at most from its copy (N, K, 3).

    Each point is held against the piece of the copy that spans the same arc length, which bounds
    its distance to the whole copy from above.
    """
    return np.concatenate(
        [np.empty(0)]
        + [
            _deviation(lines.part(first, last), copies[first:last])
            for first, last in _chunks(lines, copies.shape[1])
        ]
    )


def arc_lengths(lines: Lines) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Arc length (P,) at each point from the start of its line, the distance (P,) to the next, and
    the length (N,) of each line, all in mm and 64 bits."""
    steps = lines.steps()
    arc = np.zeros_like(steps)
    for first, last in pairwise(lines.starts.tolist()):  # each from 0: equal wherever it stands
        np.cumsum(steps[first : last - 1], out=arc[first + 1 : last])
    return arc, steps, arc[lines.starts[1:] - 1]


def _resampled(lines: Lines, points: int) -> np.ndarray:
    x = lines.points.astype(np.float64)
    arc, steps, lengths = arc_lengths(lines)
    wanted = lengths[:, None] * np.linspace(0, 1, points)
    before = _segments(lines, arc, lengths, wanted)
    step = steps[before]
    share = np.divide(wanted - arc[before], step, out=np.zeros_like(wanted), where=step > 0)
    start = x[before]
    result: np.ndarray = start + np.clip(share, 0, 1)[..., None] * (x[before + 1] - start)
    result[:, 0], result[:, -1] = x[lines.starts[:-1]], x[lines.starts[1:] - 1]
    _keep_even(lines, x, steps, lengths, result)
    return result


def _segments(lines: Lines, arc: np.ndarray, lengths: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The number (N, K) of the point before each wanted arc length (N, K)."""
    shifts = np.concatenate([[0.0], np.cumsum(lengths)])  # the lines laid end to end
    place = np.searchsorted(arc + shifts[lines.owners], wanted + shifts[:-1, None], side="right")
    first, last = lines.starts[:-1, None], lines.starts[1:, None] - 2
    before = np.clip(place - 1, first, last)
    # The shifts cost digits: move on to the neighbour where the line's own arc lengths say so.
    while (later := (before < last) & (arc[before + 1] <= wanted)).any():
        before += later
    while (sooner := (before > first) & (arc[before] > wanted)).any():
        before -= sooner
    return np.asarray(before)


def _keep_even(
    lines: Lines, x: np.ndarray, steps: np.ndarray, lengths: np.ndarray, result: np.ndarray
) -> None:
    """Put lines that have these many points, evenly spaced, back as they were."""
    points = result.shape[1]
    same = np.flatnonzero(lines.counts == points)
    place = lines.starts[same][:, None] + np.arange(points)
    mean = lengths[same][:, None] / (points - 1)
    even = (np.abs(steps[place[:, :-1]] - mean) <= EVEN * mean).all(1)
    result[same[even]] = x[place[even]]


def _deviation(lines: Lines, copies: np.ndarray) -> np.ndarray:
    arc, _, lengths = arc_lengths(lines)
    last = copies.shape[1] - 1
    share = np.divide(arc, lengths[lines.owners], out=np.zeros_like(arc), where=arc > 0)
    piece = np.minimum((share * last).astype(np.int64), last - 1)
    start, end = copies[lines.owners, piece], copies[lines.owners, piece + 1]
    along, offset = end - start, lines.points - start
    square = (along**2).sum(1)
    part = np.divide((offset * along).sum(1), square, out=np.zeros_like(arc), where=square > 0)
    distance = np.sqrt(((offset - np.clip(part, 0, 1)[:, None] * along) ** 2).sum(1))
    return np.maximum.reduceat(distance, lines.starts[:-1])


def _chunks(lines: Lines, points: int) -> list[tuple[int, int]]:
    """Pieces (first, last) of the lines with about CHUNK_POINTS old and new points each."""
    size = np.cumsum(lines.counts + points) // CHUNK_POINTS
    bounds = [0, *(np.flatnonzero(np.diff(size)) + 1).tolist(), len(lines)]
    return [(a, b) for a, b in pairwise(bounds) if a < b]
