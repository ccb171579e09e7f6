"""What the header of a volume file may say: real numbers, and no more of them than there are."""

from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from vaestro.foundation.errors import DataError


def require_real(path: Path, kind: np.dtype[Any]) -> None:
    """Raise DataError for complex numbers, colours and records."""
    if kind.kind not in "iuf":
        what = "complex numbers" if kind.kind == "c" else "colours or records"
        raise DataError(f"{path} holds {what} ({kind}); one real number a voxel is needed")


def require_voxels(path: Path, shape: Any, kind: np.dtype[Any], there: int) -> None:
    """Raise DataError unless `shape` has voxels and `there` bytes are enough for them."""
    wanted = prod(int(size) for size in shape) * kind.itemsize
    if min(shape, default=0) < 1:
        raise DataError(f"{path} says shape {tuple(map(int, shape))}: it holds no voxel")
    if there < wanted:
        raise DataError(
            f"{path} says shape {tuple(map(int, shape))}, which needs {wanted:,} bytes, and has "
            f"{max(0, there):,}; it is cut off or not what it says"
        )
