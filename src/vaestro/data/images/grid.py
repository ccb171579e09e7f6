"""Pictures in rows and columns, as one array.

Shape letters: R rows, C columns, H height, W width, 1 or 3 channels.
"""

import math

import numpy as np

TILE = 56
"""A tile is enlarged by a whole factor until it is at least about this many pixels."""
GAP = 2
"""Pixels between tiles, and around them."""


def is_picture(shape: tuple[int, ...]) -> bool:
    """Whether samples of this shape are images: (1 or 3, height, width)."""
    return len(shape) == 3 and shape[0] in (1, 3)


def tiled(images: np.ndarray) -> np.ndarray:
    """images: (R, C, channels, H, W) in [0, 1] -> bytes (height, width, channels), white gaps."""
    rows, columns, channels, height, width = images.shape
    factor = max(1, math.ceil(TILE / max(height, width)))
    levels = np.round(np.clip(images, 0, 1) * 255).astype(np.uint8)
    large = levels.repeat(factor, 3).repeat(factor, 4)
    tall, wide = height * factor + GAP, width * factor + GAP
    sheet = np.full((rows * tall + GAP, columns * wide + GAP, channels), 255, np.uint8)
    for r in range(rows):
        for c in range(columns):
            top, left = GAP + r * tall, GAP + c * wide
            tile = large[r, c].transpose(1, 2, 0)
            sheet[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    return sheet


def near_square(images: np.ndarray) -> np.ndarray:
    """(N, channels, H, W) -> (R, C, channels, H, W), R and C about equal, the rest left white."""
    columns = math.ceil(math.sqrt(len(images)))
    rows = math.ceil(len(images) / columns)
    missing = rows * columns - len(images)
    padded = np.concatenate([images, np.ones((missing, *images.shape[1:]), images.dtype)])
    return padded.reshape(rows, columns, *images.shape[1:])
