"""Which axis of an array is what: samples first, then channels, then space.

Shape letters: N samples, D numbers or depth, C channels, H height, W width, P points, * the
sample's axes.
"""

from typing import Literal

import numpy as np

from vaestro.foundation.errors import DataError
from vaestro.foundation.samples import Domain

Layout = Literal[
    "auto", "vectors", "streamlines", "images", "images-last", "volumes", "volumes-last"
]
NATIVE: dict[Domain, Layout] = {
    "vector": "vectors",
    "streamline": "streamlines",
    "image": "images",
    "volume": "volumes",
}
"""The layout in which the samples of a domain are held: what is written so is read back so."""
NEW_AXIS = 0
"""Stands for the channel axis of an array that has none: it gets one of size 1."""
MOST_AXES = 5
FEW = 4
"""Colours and opacity: an axis of at most so many is one of channels."""
LEAST_POINTS = 8
"""Arrays (N, 3, P) and (N, P, 3) of so many points and more are lines, not narrow pictures."""
AXES = (
    "vectors (N, D), streamlines (N, 3, P) or (N, P, 3), images (N, H, W) or (N, C, H, W), "
    "images-last (N, H, W, C), volumes (N, D, H, W) or (N, C, D, H, W), "
    "volumes-last (N, D, H, W, C)"
)


def channel_axis(name: str, shape: tuple[int, ...], layout: Layout = "auto") -> int:
    """Where the channels of an array of `shape` (N, *) lie: an axis of it, or NEW_AXIS.

    "auto" reads (N, D) as vectors; (N, 3, P) and (N, P, 3) with 8 points or more as streamlines;
    other (N, H, W) as pictures of one channel. Four axes are pictures with channels where an axis
    of at most 4 stands second or last, volumes of one channel where the three sizes are within a
    factor of 2, else pictures with channels on the axis below half of the others. Five axes are
    volumes with channels on the axis of at most 4. Raises DataError in one line where that leaves
    the meaning open, or a stated `layout` does not fit.
    """
    if len(shape) > MOST_AXES:
        raise DataError(
            f"{name}: shape {shape} has {len(shape)} axes and at most {MOST_AXES} are read: {AXES}"
        )
    axis = _guessed(shape) if layout == "auto" else _stated(shape, layout)
    if axis is None and layout == "auto":
        raise DataError(
            f"{name}: what the axes of shape {shape} mean is open; give data.layout: {AXES}"
        )
    if axis is None:
        raise DataError(
            f"{name}: data.layout={layout} does not fit shape {shape}; legal: auto, {AXES}"
        )
    return axis


def arranged(array: np.ndarray, channel: int) -> np.ndarray:
    """A view of `array` (N, *) with the channels of axis `channel` moved behind the samples."""
    return array[:, None] if channel == NEW_AXIS else np.moveaxis(array, channel, 1)


def framed_as(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """`array` as samples (N, *shape) where it holds such under another layout, else unchanged.

    A channel axis of 1 may be left out, channels may stand on a later axis, and a row of numbers,
    as a table has it, may stand for the sample that it is when read last axis fastest.
    """
    if array.ndim < 2 or array.shape[1:] == shape:
        return array
    moved = [arranged(array, axis) for axis in (NEW_AXIS, *range(array.ndim - 1, 1, -1))]
    fitting = [view for view in moved if view.shape[1:] == shape]
    if not fitting and array.ndim == 2 and array.shape[1] == np.prod(shape):
        return array.reshape(len(array), *shape)
    return fitting[0] if fitting else array


def _stated(shape: tuple[int, ...], layout: Layout) -> int | None:
    if layout == "streamlines":
        return _line_axis(shape) if len(shape) == 3 else None
    fits = {
        "vectors": {2: 1},
        "images": {3: NEW_AXIS, 4: 1},
        "images-last": {4: 3},
        "volumes": {4: NEW_AXIS, 5: 1},
        "volumes-last": {5: 4},
    }
    return fits[layout].get(len(shape))


def _line_axis(shape: tuple[int, ...]) -> int | None:
    """The axis of the three coordinates."""
    return next((axis for axis in (1, 2) if shape[axis] == 3), None)


def _guessed(shape: tuple[int, ...]) -> int | None:
    match len(shape):
        case 2:
            return 1
        case 3:
            points = shape[2] if shape[1] == 3 else shape[1]
            line = _line_axis(shape) if points >= LEAST_POINTS else None
            return NEW_AXIS if line is None else line
        case 4:
            return _picture_axis(shape)
        case 5:
            return _few_axis(shape, (1, 4, 2, 3))
    return None


def _picture_axis(shape: tuple[int, ...]) -> int | None:
    few = _few_axis(shape, (1, 3))
    if few is not None:
        return few
    sizes = shape[1:]
    if max(sizes) <= 2 * min(sizes):
        return NEW_AXIS  # a picture with half as many channels as pixels is no picture
    for axis in (1, 3):
        others = [size for other, size in enumerate(shape) if other not in (0, axis)]
        if 2 * shape[axis] < min(others):
            return axis
    return None


def _few_axis(shape: tuple[int, ...], candidates: tuple[int, ...]) -> int | None:
    """The first of `candidates` whose size is one of channels."""
    return next((axis for axis in candidates if shape[axis] <= FEW), None)
