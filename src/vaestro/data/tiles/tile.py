"""One sample as a picture, and pictures as one grid.

Letters: C channels, H height, W width.
"""

import numpy as np
from numpy.typing import NDArray

from vaestro.data.tiles.curves import curve
from vaestro.data.tiles.lines import lines
from vaestro.data.tiles.look import Look, Picture
from vaestro.data.tiles.size import magnified, reduced
from vaestro.data.tiles.volume import planes


def tile(sample: NDArray[np.generic], look: Look) -> Picture:
    """One sample (*) as a picture. Numbers that are not finite are drawn as the lowest value."""
    if look.kind == "curves":
        return curve(np.nan_to_num(np.asarray(sample, np.float64)), look)
    scaled = (np.asarray(sample, np.float64) - look.low) / (look.high - look.low)
    scaled = np.clip(np.nan_to_num(scaled, nan=0.0, posinf=1.0, neginf=0.0), 0.0, 1.0)
    if look.kind == "lines":
        return lines(scaled)
    if look.kind == "volume":
        return grid(planes(scaled), columns=3, gap=3)
    return magnified(reduced(_colours(scaled)))


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
    """(C, H, W) or (H, W) -> (H, W, 3): RGB, or any other number of channels side by side."""
    if image.ndim == 2:
        image = image[None]
    if len(image) != 3:
        image = np.concatenate(list(image), axis=1)[None].repeat(3, 0)
    return np.moveaxis(image, 0, -1)
