"""What is measured of every streamline: quantities to condition on, or to be learnt.

All are taken from the original points, before resampling; none depends on the direction in which
the line runs. Torsion is left out: it needs third derivatives, and the steps of a tracked line are
too noisy for them. Shape letters: N lines, M points a line of the curvature polyline.
"""

import numpy as np

from vaestro.data.streamlines.lines import Lines
from vaestro.data.streamlines.resample import arc_lengths, resample_lines

CURVATURE_POINTS = 24
"""Curvature is measured on a polyline of so many points: turns of the scale of the anatomy count,
and the zigzag of tracking steps does not."""
UNITS = {
    **dict.fromkeys(("length", "end_to_end", "centroid_x", "centroid_y", "centroid_z"), "mm"),
    "mean_curvature": "1/mm",
}
"""Of the quantities that have one."""


def measured(lines: Lines) -> dict[str, np.ndarray]:
    """Each quantity by name, (N,) and 64 bits, of lines of 2 points or more and a length above 0.

    length: L = sum of |x_{i+1} - x_i|, mm. end_to_end: |x_n - x_1|, mm. straightness:
    end_to_end / L, in [0, 1], the inverse of tortuosity and finite for closed lines.
    mean_curvature: the mean of |dT/ds| over the line, 1/mm (a circle of radius R has 1/R).
    centroid_x, centroid_y, centroid_z: the centre of mass of the line,
    sum of |x_{i+1} - x_i| (x_i + x_{i+1}) / 2, over L, mm.
    """
    _, steps, lengths = arc_lengths(lines)
    chord = lines.points[lines.starts[1:] - 1].astype(np.float64)
    chord -= lines.points[lines.starts[:-1]]
    end_to_end = np.sqrt((chord**2).sum(1))
    centroid = _centroid(lines, steps, lengths)
    return {
        "length": lengths,
        "end_to_end": end_to_end,
        "straightness": np.minimum(end_to_end / lengths, 1.0),
        "mean_curvature": _mean_curvature(lines),
        "centroid_x": centroid[0],
        "centroid_y": centroid[1],
        "centroid_z": centroid[2],
    }


def _centroid(lines: Lines, steps: np.ndarray, lengths: np.ndarray) -> list[np.ndarray]:
    """The three coordinates (N,) of the centre of mass; `steps` is 0 at the last points."""
    x = lines.points.astype(np.float64)
    middles = (x + np.roll(x, -1, 0)) / 2
    return [lines.sums(steps * middles[:, axis]) / lengths for axis in range(3)]


def _mean_curvature(lines: Lines) -> np.ndarray:
    """The sum of the M - 2 angles between neighbouring segments of an even polyline of M points,
    over the arc that they turn along, L' (M - 2) / (M - 1), with L' its length."""
    corners = resample_lines(lines, CURVATURE_POINTS)
    moves = np.diff(corners, axis=1)
    here, following = moves[:, :-1], moves[:, 1:]
    sines = np.linalg.norm(np.cross(here, following), axis=2)
    turns = np.arctan2(sines, (here * following).sum(2)).sum(1)
    length = np.linalg.norm(moves, axis=2).sum(1)
    arc = length * (CURVATURE_POINTS - 2) / (CURVATURE_POINTS - 1)
    return np.asarray(np.divide(turns, arc, out=np.zeros_like(turns), where=arc > 0))
