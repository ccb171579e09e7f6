"""A volume as three pictures: its middle across each axis, channels in colours.

Letters: C channels, D depth, H height, W width.
"""

import numpy as np

from vaestro.data.tiles.look import Picture
from vaestro.data.tiles.size import magnified, reduced

INKS = np.array(
    [
        (0.75, 0.77, 0.78),
        (0.30, 0.52, 1.00),
        (1.00, 0.32, 0.26),
        (1.00, 0.83, 0.25),
        (0.45, 0.85, 0.45),
        (0.85, 0.45, 0.90),
    ]
)
"""The chemists' colours for carbon, nitrogen, oxygen and sulphur first; they repeat after six."""


def planes(volume: Picture) -> list[Picture]:
    """(C, D, H, W) or (D, H, W), from 0 to 1 -> three square pictures of one size.

    One channel: the central slice across each axis. Several: the largest value in a slab of a sixth
    of the volume, a colour a channel, added as light is.
    """
    channels = volume[None] if volume.ndim == 3 else volume
    side = max(channels.shape[1:])
    flat = [_flattened(channels, axis) for axis in (1, 2, 3)]
    return [magnified(reduced(_padded(plane, side))) for plane in flat]


def _flattened(channels: Picture, axis: int) -> Picture:
    """(C, D, H, W) seen along `axis` -> (h, w, 3)."""
    if len(channels) == 1:
        middle: Picture = np.take(channels[0], channels.shape[axis] // 2, axis=axis - 1)
        return middle[..., None].repeat(3, 2)
    inks = INKS[np.arange(len(channels)) % len(INKS)]
    size = channels.shape[axis]
    thick = max(1, size // 6)
    slab = np.take(channels, range((size - thick) // 2, (size + thick) // 2), axis=axis)
    light: Picture = np.tensordot(slab.max(axis), inks, axes=(0, 0))
    return np.minimum(light, 1.0)


def _padded(plane: Picture, side: int) -> Picture:
    """The plane in the middle of a black square of `side` pixels."""
    square = np.zeros((side, side, 3))
    top, left = ((side - size) // 2 for size in plane.shape[:2])
    square[top : top + plane.shape[0], left : left + plane.shape[1]] = plane
    return square
