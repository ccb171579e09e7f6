"""Which end of a streamline comes first. Tracking starts anywhere, so files hold both directions.

Two steps. (1) `backwards`: each line alone gets the direction in which its first end point is the
smaller one (compared by x, then y, then z); the two copies of a line become the same numbers
exactly. This rule jumps where x hardly differs. (2) `against_bundle`: all lines of a bundle are
made to run alike. Let a(t) = (x(t) - x(1 - t)) / 2 be the part of a line that changes its sign when
the line is reversed, and v the direction of most variance of a in the bundle (the first right
singular vector). A line with <a, v> < 0 is reversed. That agrees with choosing the direction
nearer to the bundle's course, point by point, and not by the end points alone.

The sign of v: from start to end, its largest component points to +x, +y or +z (right, anterior,
superior). What cannot be had: a rule without any jump. Lines with <a, v> near 0 (closed loops, or
lines across the main direction of a mixed tractogram) may turn with the smallest change, and a
whole bundle may turn if its direction lies between two axes with opposite signs, as (0, 0.7, -0.7).

Shape letters: N lines, K points a line, H pairs of points.
"""

import numpy as np

from vaestro.data.streamlines.lines import Lines

PAIRS = 8
"""How many pairs of points (t, 1 - t) a line is judged by."""


def backwards(lines: Lines) -> np.ndarray:
    """Which lines (N,) run from the larger to the smaller end point. Lines need a point or more.

    Where both end points are equal, the points after them decide, and so on; a line that reads the
    same both ways is never backwards.
    """
    start, end = lines.points[lines.starts[:-1]], lines.points[lines.starts[1:] - 1]
    larger = _larger(start, end)
    for number in np.flatnonzero((start == end).all(1)):
        line = lines[int(number)]
        differ = np.flatnonzero((line != line[::-1]).any(1))
        place = differ[:1]
        larger[number] = bool(_larger(line[place], line[::-1][place]).any())
    return larger


def against_bundle(lines: np.ndarray, bundles: np.ndarray) -> np.ndarray:
    """Which lines (N,) of (N, K, 3) run against the others of their bundle, numbered (N,)."""
    turned = np.zeros(len(lines), bool)
    for bundle in np.unique(bundles):
        members = np.flatnonzero(bundles == bundle)
        odd = _odd_part(lines[members])
        turned[members] = (odd * _course(odd)).sum(1) < 0
    return turned


def _larger(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Whether the points `one` (N, 3) come after `other` by x, then y, then z."""
    first = (one != other).argmax(1)[:, None]
    result: np.ndarray = (np.take_along_axis(one, first, 1) > np.take_along_axis(other, first, 1))[
        :, 0
    ]
    return result


def _odd_part(lines: np.ndarray) -> np.ndarray:
    """a at H pairs of points, the end points first: (N, 3 H)."""
    last = lines.shape[1] - 1
    places = np.unique(np.linspace(0, last // 2, PAIRS).astype(np.int64))
    odd = (lines[:, places] - lines[:, last - places]) / 2
    result: np.ndarray = odd.reshape(len(lines), -1).astype(np.float64)
    return result


def _course(odd: np.ndarray) -> np.ndarray:
    """v (3 H,) of the odd parts (N, 3 H), with its sign."""
    course: np.ndarray = np.linalg.eigh(odd.T @ odd)[1][:, -1]
    start_to_end = -course[:3]
    if not np.abs(start_to_end).any():  # closed loops: the pair of points farthest apart decides
        start_to_end = -course
    return course if start_to_end[np.abs(start_to_end).argmax()] > 0 else -course
