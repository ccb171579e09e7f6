"""How the samples of one data set are drawn: as what, and on which scale.

Letters: S samples, C channels, D depth, H height, W width, L points or length, F features.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float64]
"""RGB (h, w, 3), numbers from 0 to 1."""
Kind = Literal["image", "volume", "lines", "curves"]
DETAIL = 99.5
"""The percentile of real-valued volumes that is drawn white: a few bright voxels hide nothing."""


@dataclass(frozen=True)
class Look:
    """`low` is drawn black (or at the bottom), `high` white (or at the top). For curves, `centre`
    (x, y, z) is the middle of every picture and `extent` the length that just fits into it."""

    kind: Kind
    low: float = 0.0
    high: float = 1.0
    centre: tuple[float, ...] = (0.0, 0.0, 0.0)
    extent: float = 1.0

    @property
    def beside(self) -> int:
        """How many tiles of this kind stand well beside each other in half a page's width."""
        return {"image": 8, "volume": 3, "lines": 4, "curves": 5}[self.kind]


def kind_of(shape: tuple[int, ...]) -> Kind:
    """(F,): lines; (3, L): curves; (C, H, W) or (H, W): image; (C, D, H, W): volume."""
    match shape:
        case (_,):
            return "lines"
        case (first, last):
            return "curves" if first == 3 and last > 3 else "image"
        case (_, _, _):
            return "image"
        case _:
            return "volume"


def look_at(samples: NDArray[np.generic], values: str | None) -> Look:
    """The look for samples (S, *); `values` is their meaning ("binary", "unit", ...) if known.

    Binary and unit data span 0 to 1; others span the finite values of `samples`.
    """
    kind = kind_of(samples.shape[1:])
    if values in ("binary", "unit") and kind in ("image", "volume"):
        return Look(kind)
    finite = samples[np.isfinite(samples)].astype(np.float64)
    if finite.size == 0:
        return Look(kind)
    if kind == "curves":
        return _around(np.nan_to_num(np.asarray(samples, np.float64)))
    low, high = float(finite.min()), float(finite.max())
    if kind == "volume":
        high = max(float(np.percentile(finite[finite > low], DETAIL)), low) if high > low else high
    margin = 0.05 * (high - low) if kind == "lines" else 0.0
    return Look(kind, low - margin, high + margin if high > low else low + 1.0)


def _around(samples: Picture) -> Look:
    """All points of samples (S, 3, L) in one frame of equal scale along x, y and z."""
    low, high = samples.min((0, 2)), samples.max((0, 2))
    extent = float((high - low).max()) or 1.0
    return Look("curves", centre=tuple(map(float, (low + high) / 2)), extent=1.06 * extent)
