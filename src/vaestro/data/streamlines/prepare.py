"""Streamlines as they are in a file to samples of equal shape, with what is measured of them.

Shape letters: N0 lines as given, N of them kept, K points a line.
"""

from typing import NamedTuple

import numpy as np

from vaestro.data.streamlines.covariates import measured
from vaestro.data.streamlines.lines import Lines
from vaestro.data.streamlines.orient import against_bundle, backwards
from vaestro.data.streamlines.resample import deviation, resample_lines
from vaestro.foundation.errors import DataError


class Prepared(NamedTuple):
    """values: (N, 3, K) float32, mm; kept: the numbers (N,) of the lines they are; covariates: what
    `covariates.measured` says of the original lines, (N,) each; notes: a sentence each."""

    values: np.ndarray
    kept: np.ndarray
    covariates: dict[str, np.ndarray]
    notes: tuple[str, ...]


def prepared(name: str, lines: Lines, bundles: np.ndarray, points: int, orient: bool) -> Prepared:
    """The usable lines, evenly resampled to `points` points and, with `orient`, each bundle running
    one way; `bundles` (N0,) numbers the bundle of each line.

    Lines with fewer than two points, with NaN or infinite coordinates, or of zero length are left
    out and counted in a note. Raises DataError when none is left.
    """
    reasons = _unusable(lines)
    usable = ~np.any(list(reasons.values()), axis=0)
    notes = _left_out(reasons, len(lines))
    if not usable.any():
        raise DataError(
            f"{name}: {notes[0] if notes else '0 streamlines'}; none is left: "
            "give lines of two points or more with finite coordinates"
        )
    kept = lines.take(usable) if notes else lines
    if orient:
        kept = kept.reversed_where(backwards(kept))
    x = resample_lines(kept, points, np.float32)
    if orient:
        turned = against_bundle(x, bundles[usable])
        x[turned] = x[turned][:, ::-1]
        kept = kept.reversed_where(turned)
    notes.append(_faithfulness(kept, x))
    values = np.ascontiguousarray(x.transpose(0, 2, 1))
    return Prepared(values, np.flatnonzero(usable), measured(kept), tuple(notes))


def _unusable(lines: Lines) -> dict[str, np.ndarray]:
    """Which lines (N0,) are left out, by reason; each line has one reason at most."""
    counts = lines.counts
    odd = lines.sums(~np.isfinite(lines.points).all(1)) > 0
    with np.errstate(invalid="ignore", over="ignore"):
        still = lines.sums(lines.steps()) == 0
    return {
        "without points": counts == 0,
        "with one point": (counts == 1) & ~odd,
        "with NaN or infinite coordinates": odd,
        "of zero length": still & ~odd & (counts > 1),
    }


def _left_out(reasons: dict[str, np.ndarray], total: int) -> list[str]:
    told = [f"{int(which.sum()):,} {why}" for why, which in reasons.items() if which.any()]
    count = int(np.sum(list(reasons.values())))
    return [f"{count:,} of {total:,} streamlines left out: {', '.join(told)}"] if told else []


def _faithfulness(lines: Lines, x: np.ndarray) -> str:
    """How much resampling changed, in a sentence."""
    lengths = lines.sums(lines.steps())
    short = 1 - np.sqrt((np.diff(x.astype(np.float64), axis=1) ** 2).sum(2)).sum(1) / lengths
    return (
        f"resampled to {x.shape[1]} points: original points lie at most "
        f"{deviation(lines, x).max():.2g} mm off, lengths shrink by at most "
        f"{max(0.0, float(short.max())):.2g} of themselves"
    )
