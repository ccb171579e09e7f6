"""Random views of atom clouds: a box around an atom, turned and shifted, rendered when asked for.

A view is a pure function of (seed, sample, epoch): nothing is kept between two of them.

Shape letters: N samples, M of them asked for, A atoms, C channels, D voxels a side.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from vaestro.data.volumes.channels import Channels
from vaestro.data.volumes.voxelise import voxelise
from vaestro.foundation.config import Config
from vaestro.foundation.randomness import Stream, derive_seed
from vaestro.foundation.samples import Frame

TRIES = 8
"""How often an empty box is drawn again before the box is put on its atom."""


class ViewConfig(Config):
    """`size` voxels a side of `resolution` angstrom; an atom is a sphere as wide as a voxel.

    `channels`: element groups; `std`: what images are divided by, the mean staying in (0.05 fits
    boxes of 19 voxels at 1 angstrom: the error of an image of zeros is then near 1); `rotate`:
    turned at random; `translate`: the box is shifted from its atom by up to that many angstrom
    along each axis; `fresh`: new views in every epoch, else the same; `seed`: of the views.
    """

    size: Annotated[int, Field(ge=1, le=256)] = 35
    resolution: Annotated[float, Field(gt=0)] = 1.0
    channels: Channels = ("C", "N", "O", "*")
    std: Annotated[float, Field(gt=0)] = 0.05
    rotate: bool = True
    translate: Annotated[float, Field(ge=0)] = 5.0
    fresh: bool = True
    seed: Annotated[int, Field(ge=0)] = 0

    @property
    def frame(self) -> Frame:
        """Where the voxels of a box lie, its middle at the origin."""
        affine = np.diag([self.resolution] * 3 + [1.0])
        affine[:3, 3] = -(self.size - 1) / 2 * self.resolution
        return Frame.of(affine, (self.size,) * 3, "angstrom")

    @property
    def atom(self) -> float:
        """What an atom that lies in the box as a whole adds to an image's sum."""
        return 1 / self.std


@dataclass(frozen=True)
class Cloud:
    """positions: (A, 3) float32 in angstrom; channel: (A,) the channel of each; A is at least 1."""

    positions: np.ndarray
    channel: np.ndarray


@dataclass(frozen=True)
class Views:
    """`count` samples (C, D, D, D), divided by the std; sample i shows cloud i modulo their number.

    Every epoch has views of its own where the configuration says `fresh`.
    """

    config: ViewConfig
    clouds: Sequence[Cloud]
    count: int

    finite = True

    @property
    def changes(self) -> bool:
        """Whether the views are drawn anew in every epoch."""
        return self.config.fresh

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, C, D, D, D)"""
        return (self.count, len(self.config.channels), *(self.config.size,) * 3)

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32"""
        return np.dtype(np.float32)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, numbers: Any, /) -> np.ndarray:
        return self.at_epoch(np.arange(self.count)[numbers], 0)

    @property
    def made_of(self) -> tuple[np.ndarray, ...]:
        """Where the atoms of every cloud are, and in which channels."""
        return tuple(array for one in self.clouds for array in (one.positions, one.channel))

    @property
    def groups(self) -> np.ndarray:
        """The number of each sample's cloud (N,)."""
        return np.arange(self.count) % len(self.clouds)

    def at_epoch(self, numbers: np.ndarray, epoch: int) -> np.ndarray:
        """The samples (M, C, D, D, D) numbered (M,) as `epoch` shows them."""
        images = np.empty((len(numbers), *self.shape[1:]), dtype=np.float32)
        for image, number in zip(images, numbers.tolist(), strict=True):
            cloud = self.clouds[number % len(self.clouds)]
            drawn = epoch if self.changes else 0
            seed = derive_seed(self.config.seed, Stream.DATA, number, drawn)
            image[:] = view(self.config, cloud, np.random.default_rng(seed))
        images /= np.float32(self.config.std)
        return images


def view(config: ViewConfig, cloud: Cloud, random: np.random.Generator) -> np.ndarray:
    """One image (C, D, D, D) of `cloud`, with at least one atom's centre in the box."""
    side = config.size * config.resolution
    quaternion = random.normal(size=4)  # drawn either way: turning changes nothing but the turn
    turn = rotation(quaternion) if config.rotate else np.eye(3)
    for attempt in range(TRIES + 1):
        atom = cloud.positions[random.integers(len(cloud.positions))]
        shift = random.uniform(-config.translate, config.translate, 3)
        centre = atom + shift * (attempt < TRIES)
        away = cloud.positions - centre
        reach = np.sqrt(3) / 2 * side + config.resolution
        near = np.einsum("ai,ai->a", away, away) < reach**2
        placed = away[near] @ turn.T + side / 2
        if ((placed >= 0) & (placed < side)).all(1).any():
            break
    channel = cloud.channel[near]
    return voxelise(placed, channel, len(config.channels), config.size, config.resolution)


def rotation(quaternion: np.ndarray) -> np.ndarray:
    """The rotation matrix (3, 3) of a quaternion (w, x, y, z) of any length but 0.

    Four independent normal numbers give a rotation uniform over SO(3) (Shoemake 1992).
    """
    w, x, y, z = quaternion / np.linalg.norm(quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
