"""Samples of any shape as small pictures, and pictures as one grid.

A tile is an RGB array (h, w, 3) with numbers from 0 to 1. Letters: C channels, D depth, H height,
W width, L length, F features; S samples.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float64]
Kind = Literal["image", "volume", "lines"]

LARGEST = 96
"""Pixels: a larger image is averaged down to at most this many a side."""
SHARP = 96
"""Pixels: a smaller tile is magnified by a whole number to about this many a side."""
LINE_HEIGHT, LINE_WIDTH, OVERSAMPLING = 84, 132, 3
INKS = ((0.07, 0.36, 0.42), (0.80, 0.40, 0.13), (0.45, 0.33, 0.62), (0.35, 0.47, 0.15))
PAPER = (0.965, 0.962, 0.95)


@dataclass(frozen=True)
class Look:
    """How samples of one data set are drawn: as what, and which values are black and white."""

    kind: Kind
    low: float
    high: float

    @property
    def columns(self) -> int:
        """How many tiles of this kind stand well beside each other in half a page's width."""
        return {"image": 8, "volume": 3, "lines": 4}[self.kind]


def kind_of(shape: tuple[int, ...]) -> Kind:
    """(F,), and (C, L) or (L, C) with C at most 4: lines. (C, H, W), (H, W): image. Else volume."""
    match shape:
        case (_,):
            return "lines"
        case (first, last):
            return "lines" if min(first, last) <= 4 else "image"
        case (channels, _, _):
            return "image" if channels <= 4 else "volume"
        case _:
            return "volume"


def look_at(samples: NDArray[np.generic], values: str | None) -> Look:
    """The look for samples (S, *); `values` is their meaning ("binary", "unit", ...) if known.

    Binary and unit data span 0 to 1; others span the finite values of `samples`.
    """
    kind = kind_of(samples.shape[1:])
    if values in ("binary", "unit") and kind != "lines":
        return Look(kind, 0.0, 1.0)
    finite = samples[np.isfinite(samples)].astype(np.float64)
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    margin = 0.05 * (high - low) if kind == "lines" else 0.0
    return Look(kind, low - margin, high + margin) if high > low else Look(kind, low, low + 1.0)


def tile(sample: NDArray[np.generic], look: Look) -> Picture:
    """One sample (*) as a picture. Numbers that are not finite are drawn as the lowest value."""
    scaled = (np.asarray(sample, np.float64) - look.low) / (look.high - look.low)
    scaled = np.clip(np.nan_to_num(scaled, nan=0.0, posinf=1.0, neginf=0.0), 0.0, 1.0)
    if look.kind == "lines":
        return _lines(scaled)
    if look.kind == "volume":
        return _slices(scaled)
    return _magnified(_reduced(_colours(scaled)))


def grid(tiles: list[Picture], columns: int, gap: int = 6) -> Picture:
    """Tiles of one size in rows of `columns`, `gap` white pixels apart; the rest is white."""
    height, width, _ = tiles[0].shape
    rows = -(-len(tiles) // columns)
    sheet = np.ones((rows * (height + gap) - gap, columns * (width + gap) - gap, 3))
    for place, picture in enumerate(tiles):
        row, column = divmod(place, columns)
        top, left = row * (height + gap), column * (width + gap)
        sheet[top : top + height, left : left + width] = picture
    return sheet


def _colours(image: Picture) -> Picture:
    """(C, H, W) or (H, W) -> (H, W, 3): RGB, or the mean over any other number of channels."""
    if image.ndim == 2:
        image = image[None]
    if len(image) != 3:
        image = np.repeat(image.mean(0, keepdims=True), 3, axis=0)
    return np.moveaxis(image, 0, -1)


def _reduced(picture: Picture) -> Picture:
    """At most LARGEST pixels a side, by averaging whole blocks (a rest at the edge is cut)."""
    factor = -(-max(picture.shape[:2]) // LARGEST)
    if factor == 1:
        return picture
    height, width = (size // factor for size in picture.shape[:2])
    cut = picture[: height * factor, : width * factor]
    blocks: Picture = cut.reshape(height, factor, width, factor, 3).mean((1, 3))
    return blocks


def _magnified(picture: Picture) -> Picture:
    """Whole-number magnification, so that every data pixel stays a sharp square."""
    factor = max(1, round(SHARP / max(picture.shape[:2])))
    return picture.repeat(factor, 0).repeat(factor, 1)


def _slices(volume: Picture) -> Picture:
    """(C, D, H, W) or (D, H, W) -> the three central slices side by side, mean over channels."""
    while volume.ndim > 3:
        volume = volume.mean(0)
    middle = [size // 2 for size in volume.shape]
    planes = (volume[middle[0]], volume[:, middle[1]], volume[:, :, middle[2]])
    side = max(volume.shape)
    squares = [_magnified(_reduced(_colours(_padded(plane, side)))) for plane in planes]
    return grid(squares, columns=3, gap=3)


def _padded(plane: Picture, side: int) -> Picture:
    """The plane in the middle of a square of `side` pixels of the lowest value."""
    square = np.zeros((side, side))
    top, left = ((side - size) // 2 for size in plane.shape)
    square[top : top + plane.shape[0], left : left + plane.shape[1]] = plane
    return square


def _lines(sample: Picture) -> Picture:
    """(F,), (C, L) or (L, C) -> one line a channel, drawn large and averaged down."""
    channels = sample[None] if sample.ndim == 1 else sample
    if len(channels) > channels.shape[1]:
        channels = channels.T
    height, width = LINE_HEIGHT * OVERSAMPLING, LINE_WIDTH * OVERSAMPLING
    sheet = np.empty((height, width, 3))
    sheet[:] = PAPER
    for place, channel in enumerate(channels):
        _draw(sheet, channel, INKS[place % len(INKS)])
    offsets = [(y, x) for y in range(OVERSAMPLING) for x in range(OVERSAMPLING)]
    smooth: Picture = np.mean([sheet[y::OVERSAMPLING, x::OVERSAMPLING] for y, x in offsets], axis=0)
    return smooth


def _draw(sheet: Picture, heights: Picture, ink: tuple[float, float, float]) -> None:
    """Draw heights (L,) from 0 (bottom) to 1 (top) across the sheet, two final pixels thick."""
    height, width, _ = sheet.shape
    places = np.linspace(0, len(heights) - 1, width + 1)
    thick = 2 * OVERSAMPLING
    y = (1 - np.interp(places, np.arange(len(heights)), heights)) * (height - 1 - thick)
    top = np.floor(np.minimum(y[:-1], y[1:])).astype(int)
    bottom = np.ceil(np.maximum(y[:-1], y[1:])).astype(int) + thick
    rows = np.arange(height)[:, None]
    sheet[(rows >= top) & (rows <= bottom)] = ink
