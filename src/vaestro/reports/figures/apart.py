"""Names on a map, pushed apart until none covers another. Letters: C names."""

import numpy as np
from numpy.typing import NDArray

ROUNDS = 200


def pushed_apart(places: NDArray[np.float64], sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centres (C, 2) of boxes of `sizes` (C, 2), moved as little as it takes; all in pixels.

    Two boxes that overlap move apart by equal parts along the axis on which they overlap less.
    Crowds may need more than ROUNDS rounds; then some overlap remains.
    """
    moved = places.astype(np.float64)
    for _ in range(ROUNDS):
        clear = True
        for one in range(len(moved)):
            for other in range(one):
                clear &= not _push(moved, sizes, one, other)
        if clear:
            break
    return moved


def _push(moved: NDArray[np.float64], sizes: NDArray[np.float64], one: int, other: int) -> bool:
    """Separate two boxes if they overlap; whether they did."""
    apart = moved[one] - moved[other]
    overlap = (sizes[one] + sizes[other]) / 2 - np.abs(apart)
    if overlap.min() <= 1e-6:
        return False
    axis = int(overlap.argmin())
    half = (1.0 if apart[axis] >= 0 else -1.0) * overlap[axis] / 2
    moved[one, axis] += half
    moved[other, axis] -= half
    return True
