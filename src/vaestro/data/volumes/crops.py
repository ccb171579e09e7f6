"""Random boxes cut from volumes when they are asked for.

Shape letters: N crops, M of them asked for, C channels, D depth, H height, W width of a crop.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from vaestro.foundation.randomness import Stream, choices

FINENESS = 2**32
"""Into how many parts the random numbers divide the places where a crop may lie."""


@dataclass(frozen=True)
class Crops:
    """`count` crops (C, D, H, W); crop i comes from volume i modulo their number, every place in it
    equally likely. The place is a pure function of (seed, i, epoch).

    volumes: each with C channels and at least `size` along its last three axes.
    """

    volumes: tuple[np.ndarray, ...]
    size: tuple[int, int, int]
    count: int
    seed: int

    finite = True
    changes = True

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, C, D, H, W)"""
        return (self.count, self.volumes[0].shape[0], *self.size)

    @property
    def dtype(self) -> np.dtype[Any]:
        """That of the volumes."""
        return self.volumes[0].dtype

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, numbers: Any, /) -> np.ndarray:
        return self.at_epoch(np.arange(self.count)[numbers], 0)

    @property
    def made_of(self) -> tuple[np.ndarray, ...]:
        """The volumes."""
        return self.volumes

    @property
    def sources(self) -> np.ndarray:
        """The number of each crop's volume (N,)."""
        return np.arange(self.count) % len(self.volumes)

    def at_epoch(self, numbers: np.ndarray, epoch: int) -> np.ndarray:
        """The crops (M, C, D, H, W) numbered (M,) where they lie in `epoch`."""
        cut = np.empty((len(numbers), *self.shape[1:]), dtype=self.dtype)
        corners = self.corners(numbers, epoch).tolist()
        depth, height, width = self.size
        for crop, number, (z, y, x) in zip(cut, numbers.tolist(), corners, strict=True):
            volume = self.volumes[number % len(self.volumes)]
            crop[:] = volume[:, z : z + depth, y : y + height, x : x + width]
        return cut

    def corners(self, numbers: np.ndarray, epoch: int) -> np.ndarray:
        """The first voxel (z, y, x) of each crop (M,) in its volume: (M, 3)."""
        extents = np.array([volume.shape[1:] for volume in self.volumes])
        places = extents[numbers % len(self.volumes)] - np.array(self.size) + 1
        items = numbers[:, None] * 3 + np.arange(3)
        drawn = choices(self.seed, Stream.DATA, epoch, items, FINENESS)
        first: np.ndarray = drawn * places // FINENESS
        return first
