"""Building blocks of toys: solids by their ends, their corners, or their axes.

The toy's axes: x ahead, y to its left, z up; lengths are relative, for toys are resized at the end.
"""

from typing import NamedTuple

import numpy as np

from vaestro.data.images.drawing.solids import Kind, Solid

Point = tuple[float, float, float]


class Section(NamedTuple):
    """A rectangle across the axis of a block: from x = back to front, y = -side to side."""

    back: float
    front: float
    side: float


def ellipsoid(centre: Point, half: Point, tone: float, pitch: float = 0.0) -> Solid:
    """An ellipsoid of the given half axes, its nose raised by `pitch` degrees."""
    return Solid("ellipsoid", np.array(centre), _pitched(pitch), np.array(half), tone)


def capsule(start: Point, end: Point, radius: float, tone: float) -> Solid:
    """A rod with round ends, whose middle line goes from `start` to `end`."""
    return _rod("capsule", start, end, radius, radius, tone)


def cylinder(start: Point, end: Point, radius: float, tone: float) -> Solid:
    """A rod with flat ends at `start` and `end`."""
    return _rod("cylinder", start, end, radius, 0.0, tone)


def wheel(x: float, y: float, radius: float, width: float, tone: float) -> Solid:
    """A wheel that stands on the ground at (x, y)."""
    return cylinder((x, y - width / 2, radius), (x, y + width / 2, radius), radius, tone)


def box(low: Point, high: Point, tone: float) -> Solid:
    """A box along the axes, between two opposite corners."""
    middle = 0.5 * (low[1] + high[1])
    section = Section(low[0], high[0], 0.5 * (high[1] - low[1]))
    return block(section, low[2], section, high[2], tone, (0.0, middle, 0.0))


def block(
    lower: Section,
    bottom: float,
    upper: Section,
    top: float,
    tone: float,
    at: Point = (0.0, 0.0, 0.0),
    roll: float = 0.0,
) -> Solid:
    """A body with flat faces between the rectangle `lower` at height `bottom` and `upper` at `top`.

    It is then rolled about the x axis by `roll` degrees (at 90, up becomes left) and moved to `at`.
    """
    corners = np.array(
        [
            (x, y, z)
            for section, z in ((lower, bottom), (upper, top))
            for x in (section.back, section.front)
            for y in (-section.side, section.side)
        ]
    )
    low, high = corners.min(0), corners.max(0)
    centre = 0.5 * (low + high)
    turn = np.radians(roll)
    rotation = np.array(
        [[1, 0, 0], [0, np.cos(turn), np.sin(turn)], [0, -np.sin(turn), np.cos(turn)]]
    )
    return Solid(
        "block",
        np.array(at) + rotation @ centre,
        rotation,
        0.5 * (high - low),
        tone,
        _faces(corners - centre),
    )


def _faces(corners: np.ndarray) -> np.ndarray:
    """Outward normals and distances (6, 4) of the faces of the corners (8, 3) of `block`."""
    faces = []
    for a, b, c in ((0, 1, 2), (4, 5, 6), (0, 1, 4), (2, 3, 6), (0, 2, 4), (1, 3, 5)):
        normal = np.cross(corners[b] - corners[a], corners[c] - corners[a])
        normal = normal / np.linalg.norm(normal)
        distance = normal @ corners[a]
        faces.append((*normal, distance) if distance > 0 else (*-normal, -distance))
    return np.array(faces)


def _pitched(degrees: float) -> np.ndarray:
    turn = np.radians(degrees)
    return np.array([[np.cos(turn), 0, -np.sin(turn)], [0, 1, 0], [np.sin(turn), 0, np.cos(turn)]])


def _rod(kind: Kind, start: Point, end: Point, radius: float, beyond: float, tone: float) -> Solid:
    """A rod whose own third axis points from `start` to `end`, reaching `beyond` both."""
    first, last = np.array(start), np.array(end)
    length = float(np.linalg.norm(last - first))
    axis = (last - first) / length
    helper = np.eye(3)[int(np.abs(axis).argmin())]
    side = np.cross(helper, axis)
    side = side / np.linalg.norm(side)
    rotation = np.column_stack((side, np.cross(axis, side), axis))
    half = np.array([radius, radius, 0.5 * length + beyond])
    return Solid(kind, 0.5 * (first + last), rotation, half, tone)
