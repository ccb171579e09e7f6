"""The convex bodies that the toys are built of, and where rays first meet them.

A ray starts at `origin` and goes along directions whose component along the view is 1, so that the
distance to a hit is its depth. Every direction is a sum of a part that depends on the column of
the picture and one that depends on its row, which is what makes `Rays` cheap to turn.

Shape letters: H height, W width of the window looked at, P points, F faces.
"""

from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

import numpy as np

Kind = Literal["ellipsoid", "capsule", "cylinder", "block"]
BEVEL = 0.05
"""How far from an edge the normal begins to turn towards that of the next face."""
SMALL = np.float32(1e-9)


@dataclass(frozen=True)
class Solid:
    """A body around `centre` (3,), turned by `rotation` (3, 3) from its own axes to the toy's.

    half: (3,) half extents along its own axes; the axis of capsules and cylinders is the third,
    and their first two extents are the radius. faces: (F, 4) of a block, outward unit normal and
    distance from the centre. tone: how bright the paint is, 0 to 1.
    """

    kind: Kind
    centre: np.ndarray
    rotation: np.ndarray
    half: np.ndarray
    tone: float
    faces: np.ndarray = field(default_factory=lambda: np.zeros((0, 4)))

    def moved(self, turn: np.ndarray, shift: np.ndarray, size: float = 1.0) -> "Solid":
        """The same body `size` times as large, shifted by `shift` (3,), turned by `turn` (3, 3)."""
        return replace(
            self,
            centre=turn @ ((self.centre + shift) * size),
            rotation=turn @ self.rotation,
            half=self.half * size,
            faces=self.faces * np.array([1, 1, 1, size]),
        )

    @property
    def corners(self) -> np.ndarray:
        """The corners (8, 3) of the box around it."""
        signs = np.array(np.meshgrid(*[(-1, 1)] * 3)).reshape(3, 8)
        corners: np.ndarray = self.centre + (self.rotation @ (signs * self.half[:, None])).T
        return corners


class Rays(NamedTuple):
    """Directions (3, H, W) as columns (3, W) plus rows (3, H), from one origin (3,)."""

    origin: np.ndarray
    columns: np.ndarray
    rows: np.ndarray

    def seen_by(self, solid: Solid) -> "Rays":
        """The same rays along the own axes of `solid`, from its centre."""
        turn = solid.rotation.T
        origin = turn @ (self.origin - solid.centre)
        return Rays(
            *(part.astype(np.float32) for part in (origin, turn @ self.columns, turn @ self.rows))
        )

    def along(self, axis: int) -> np.ndarray:
        """One component of the directions (H, W)."""
        component: np.ndarray = self.rows[axis][:, None] + self.columns[axis]
        return component


def first_hit(solid: Solid, rays: Rays) -> np.ndarray:
    """The depth (H, W) at which `rays` enter `solid`, infinite where they pass it."""
    own = rays.seen_by(solid)
    with np.errstate(divide="ignore", invalid="ignore"):
        match solid.kind:
            case "ellipsoid":
                return _ellipsoid(own, solid.half.astype(np.float32))
            case "capsule":
                return _capsule(own, solid.half)
            case "cylinder":
                return _cylinder(own, solid.half)
            case _:
                return _block(own, solid.faces)


def normals(solid: Solid, points: np.ndarray) -> np.ndarray:
    """The outward unit normals (3, P) of `solid` at `points` (3, P) on it, edges softened."""
    own = (solid.rotation.T @ (points - solid.centre[:, None])).astype(np.float32)
    radius, length = solid.half[0], solid.half[2]
    match solid.kind:
        case "ellipsoid":
            normal = own / (solid.half**2)[:, None]
        case "capsule":
            straight = length - radius
            normal = own - np.clip(own[2], -straight, straight) * np.array([[0], [0], [1]])
        case "cylinder":
            bevel = min(BEVEL, 0.5 * radius, 0.5 * length)
            across = np.hypot(own[0], own[1]) + SMALL
            side = np.maximum(across - (radius - bevel), 0) / across
            end = np.sign(own[2]) * np.maximum(np.abs(own[2]) - (length - bevel), 0)
            normal = np.stack((own[0] * side, own[1] * side, end + SMALL))
        case _:
            bevel = min(BEVEL, 0.5 * solid.half.min())
            away = solid.faces[:, 3:] - solid.faces[:, :3] @ own
            normal = solid.faces[:, :3].T @ np.maximum(bevel - away, 0) + SMALL
    turned = solid.rotation @ normal
    unit: np.ndarray = turned / np.sqrt((turned**2).sum(0))
    return unit


def _ellipsoid(rays: Rays, half: np.ndarray) -> np.ndarray:
    scaled = Rays(rays.origin / half, rays.columns / half[:, None], rays.rows / half[:, None])
    return _sphere(scaled, 1.0)


def _sphere(rays: Rays, radius: float) -> np.ndarray:
    x, y, z = (rays.along(axis) for axis in range(3))
    a = x * x + y * y + z * z
    b = rays.origin[0] * x + rays.origin[1] * y + rays.origin[2] * z
    inside = b * b - a * np.float32(rays.origin @ rays.origin - radius**2)
    return np.where(inside > 0, (-b - np.sqrt(inside)) / a, np.inf)


def _round(rays: Rays, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """The depths at which rays enter and leave an endless cylinder, NaN where they pass it."""
    x, y = rays.along(0), rays.along(1)
    a = x * x + y * y + SMALL
    b = rays.origin[0] * x + rays.origin[1] * y
    inside = b * b - a * np.float32(rays.origin[0] ** 2 + rays.origin[1] ** 2 - radius**2)
    root = np.sqrt(inside)
    return (-b - root) / a, (-b + root) / a


def _capsule(rays: Rays, half: np.ndarray) -> np.ndarray:
    radius, straight = float(half[0]), np.float32(half[2] - half[0])
    depth, _ = _round(rays, radius)
    height = rays.origin[2] + depth * rays.along(2)
    depth = np.where(np.abs(height) <= straight, depth, np.inf)
    for end in (-straight, straight):
        cap = rays._replace(origin=rays.origin - np.array([0, 0, end], dtype=np.float32))
        depth = np.fmin(depth, _sphere(cap, radius))
    return depth


def _cylinder(rays: Rays, half: np.ndarray) -> np.ndarray:
    enter, leave = _round(rays, float(half[0]))
    up = rays.along(2)
    ends = (
        (-np.float32(half[2]) - rays.origin[2]) / up,
        (np.float32(half[2]) - rays.origin[2]) / up,
    )
    enter = np.maximum(enter, np.minimum(*ends))
    return np.where(enter < np.minimum(leave, np.maximum(*ends)), enter, np.inf)


def _block(rays: Rays, faces: np.ndarray) -> np.ndarray:
    enter: np.ndarray = np.full((1, 1), -np.inf, dtype=np.float32)
    leave = -enter
    for *normal, distance in faces.astype(np.float32):
        columns, rows = normal @ rays.columns, normal @ rays.rows
        towards = rows[:, None] + columns
        depth = (distance - normal @ rays.origin) / towards
        enter = np.maximum(enter, np.where(towards < 0, depth, -np.inf))
        leave = np.minimum(leave, np.where(towards > 0, depth, np.inf))
    return np.where(enter < leave, enter, np.inf)
