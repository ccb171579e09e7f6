"""What a tractogram file holds.

Shape letters: N lines, k numbers a line.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from vaestro.data.streamlines.lines import Lines
from vaestro.foundation.errors import DataError
from vaestro.foundation.samples import Frame

LEAST_VOLUME = 1e-6
"""How flat an affine may be: its determinant over the product of its voxel sizes."""


@dataclass(frozen=True)
class Tractogram:
    """lines: N streamlines in RASMM millimetres; frame: the voxel grid they were traced in, or None
    where the format has none (.tck); per_streamline: (N,) or (N, k) each; notes: what the file says
    of itself that is amiss, a sentence each."""

    lines: Lines
    frame: Frame | None = None
    per_streamline: Mapping[str, np.ndarray] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def require_invertible(name: str, affine: np.ndarray) -> None:
    """Raise DataError unless the affine (4, 4), voxel -> world, can be undone."""
    matrix = np.asarray(affine, np.float64)
    sizes = np.sqrt((matrix[:3, :3] ** 2).sum(0))
    whole = matrix.shape == (4, 4) and bool(np.isfinite(matrix).all() and (sizes > 0).all())
    if whole and np.allclose(matrix[3], (0, 0, 0, 1)):
        volume = abs(np.linalg.det(matrix[:3, :3] / sizes))
        if volume >= LEAST_VOLUME:
            return
    rows = "; ".join(" ".join(f"{number:g}" for number in row) for row in matrix)
    raise DataError(
        f"{name}: the affine [{rows}] cannot be inverted, so millimetres are not known; "
        "legal: finite numbers, determinant not 0, last row 0 0 0 1"
    )
