"""Decoded samples as the page draws them: a form, a shape and bytes.

Letters: N samples, C channels, D depth, H height, W width, L points, F features.
"""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vaestro.data.tiles.look import Kind, Look

Form = Literal["image", "lines", "volume", "vector"]
FORMS: dict[Kind, Form] = {
    "image": "image",
    "volume": "volume",
    "curves": "lines",
    "lines": "vector",
}


class Sent(NamedTuple):
    """image: (N, H, W, 1 or 3) uint8, from `low` (0) to `high` (255), channels other than three
    side by side; volume: (N, C, D, H, W) uint8, the same way; lines: (N, 3, L) and vector: (N, F),
    float32, natural."""

    form: Form
    shape: tuple[int, ...]
    numbers: bytes
    low: float
    high: float


def sent(samples: NDArray[np.float32], look: Look) -> Sent:
    """Samples (N, *) in natural units as the page takes them; what is not finite is the lowest."""
    form = FORMS[look.kind]
    if form in ("lines", "vector"):
        natural = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0).astype("<f4")
        return Sent(form, natural.shape, natural.tobytes(), look.low, look.high)
    levels = _levels(samples, look)
    if form == "image":
        levels = _pixels(levels)
    return Sent(form, levels.shape, levels.tobytes(), look.low, look.high)


def _levels(samples: NDArray[np.float32], look: Look) -> NDArray[np.uint8]:
    scaled = (samples - np.float32(look.low)) * np.float32(255 / (look.high - look.low))
    scaled = np.nan_to_num(scaled, nan=0.0, posinf=255.0, neginf=0.0)
    levels: NDArray[np.uint8] = np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)
    return levels


def _pixels(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(N, C, H, W) or (N, H, W) -> (N, H, W', 1 or 3)."""
    if levels.ndim == 3:
        levels = levels[:, None]
    if levels.shape[1] != 3:
        levels = np.concatenate(np.split(levels, levels.shape[1], axis=1), axis=3)
    return np.ascontiguousarray(np.moveaxis(levels, 1, -1))
