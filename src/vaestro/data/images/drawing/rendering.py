"""Looking at a toy from somewhere: which of its points are seen, by an eye or by a lamp.

The room's axes: x to the right, y away from the viewer, z up; the toy's middle is the origin.

Shape letters: H and W the pixels of what is looked at, P points.
"""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from vaestro.data.images.drawing.solids import Rays, Solid, first_hit, normals

DISTANCE = 7.0
SEEN = 1.06
"""Half the width of the field of view at the toy; a toy fits the unit ball."""
EYES = {"left": -1.6, "right": 1.6}
"""Degrees by which each eye is turned about the toy."""


@dataclass(frozen=True)
class View:
    """What looks at the origin: position (3,), turn (3, 3) whose columns are right, down and ahead
    in the room, and `focal`: pixels per unit of slope in a square picture of `pixels` pixels."""

    position: np.ndarray
    turn: np.ndarray
    focal: float
    pixels: int

    @classmethod
    def towards_toy(cls, azimuth: float, elevation: float, pixels: int, seen: float) -> Self:
        """From `DISTANCE` away; degrees: azimuth to the right of the viewer, elevation above."""
        around, up = np.radians(azimuth), np.radians(elevation)
        back = np.array([np.sin(around) * np.cos(up), -np.cos(around) * np.cos(up), np.sin(up)])
        right = np.array([np.cos(around), np.sin(around), 0])
        turn = np.column_stack((right, -np.cross(back, right), -back))
        return cls(DISTANCE * back, turn, 0.5 * pixels * DISTANCE / seen, pixels)

    def slopes(self) -> np.ndarray:
        """The slope of the ray through each column (W,), which is also that of each row."""
        slopes: np.ndarray = (np.arange(self.pixels) - 0.5 * (self.pixels - 1)) / self.focal
        return slopes

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The flat pixel numbers (P,), kept inside, and depths (P,) of `points` (3, P)."""
        right, down, ahead = self.turn.T.astype(np.float32) @ (
            points - self.position[:, None]
        ).astype(np.float32)
        place = np.stack((down, right)) * (np.float32(self.focal) / ahead) + 0.5 * self.pixels
        row, column = np.clip(place, 0, self.pixels - 1).astype(np.intp)
        return row * self.pixels + column, ahead

    def windows(self, solids: list[Solid]) -> np.ndarray:
        """The rows and columns (first row, last row, first column, last column) of each solid."""
        corners = np.stack([solid.corners for solid in solids])
        right, down, ahead = self.turn.T @ (corners - self.position).reshape(-1, 3).T
        place = np.stack((down, right)) * (self.focal / ahead) + 0.5 * self.pixels
        grid = place.reshape(2, len(solids), 8)
        limits = np.stack((grid[0].min(1), grid[0].max(1), grid[1].min(1), grid[1].max(1)))
        windows: np.ndarray = np.clip(np.rint(limits + [[-1], [1]] * 2), 0, self.pixels)
        return windows.astype(int).T

    def depths(self, solids: list[Solid]) -> tuple[np.ndarray, np.ndarray]:
        """The depth (H, W), infinite where there is nothing, and which solid is seen (H, W)."""
        depth = np.full((self.pixels, self.pixels), np.inf, dtype=np.float32)
        which = np.zeros((self.pixels, self.pixels), dtype=np.int16)
        slopes = self.slopes()
        columns = self.turn[:, :1] * slopes + self.turn[:, 2:]
        rows = self.turn[:, 1:2] * slopes
        for number, window in enumerate(self.windows(solids)):
            top, bottom, left, right = window
            rays = Rays(self.position, columns[:, left:right], rows[:, top:bottom])
            found = first_hit(solids[number], rays)
            nearer = found < depth[top:bottom, left:right]
            np.copyto(depth[top:bottom, left:right], found, where=nearer, casting="same_kind")
            np.copyto(which[top:bottom, left:right], number, where=nearer)
        return depth, which


class Surface(NamedTuple):
    """What an eye sees of the toy: pixel (P,) of the picture, points and outward normals (3, P),
    tone of the paint (P,), and the direction (3, P) back to the eye."""

    pixel: np.ndarray
    points: np.ndarray
    normals: np.ndarray
    tone: np.ndarray
    facing: np.ndarray


def surface(solids: list[Solid], eye: View, finer: int) -> Surface:
    """The toy as seen by `eye`, `finer` rays by `finer` a pixel of the picture."""
    depth, which = eye.depths(solids)
    seen = np.flatnonzero(np.isfinite(depth))
    row, column = np.divmod(seen, eye.pixels)
    slopes = eye.slopes()
    towards = np.stack((slopes[column], slopes[row], np.ones(len(seen)))).astype(np.float32)
    ahead = eye.turn.astype(np.float32) @ towards
    points = eye.position[:, None].astype(np.float32) + ahead * depth.reshape(-1)[seen]
    solid = which.reshape(-1)[seen]
    outward = np.empty_like(points)
    for number in np.unique(solid):
        of = np.flatnonzero(solid == number)
        outward[:, of] = normals(solids[number], points[:, of])
    tone = np.array([each.tone for each in solids], dtype=np.float32)[solid]
    pixel = (row // finer) * (eye.pixels // finer) + column // finer
    facing = -ahead / np.sqrt((ahead**2).sum(0))
    return Surface(pixel, points, outward, tone, facing)
