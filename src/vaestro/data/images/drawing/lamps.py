"""Six lamps, the shadows they cast on a toy and its table, and the photographs they make.

Brightness is linear until a photograph is made: grey = 255 sqrt(brightness), close to the
response of a screen. Lamps stand still; the toy turns.

Shape letters: S pixels along an edge, T texels along a lamp's map, P points, L lamps.
"""

from typing import NamedTuple

import numpy as np

from vaestro.data.images.drawing.rendering import DISTANCE, Surface, View
from vaestro.data.images.drawing.solids import Solid

TEXELS = 128
MAP_SEEN = 1.15
BIAS = 0.03
"""A point is looked up this far outside its surface, and still lit this much behind what a lamp
sees; otherwise faces would shade themselves in stripes."""
TABLE, PAINT = 0.8, 0.8
"""How much of the light the table and the brightest paint send back."""
OVERHEAD = 89.0


class Lamp(NamedTuple):
    """Where a lamp stands, in degrees to the right of the viewer and above the table, how strong
    it is, and how strong the light from all sides is that goes with it."""

    azimuth: float
    elevation: float
    strength: float
    sky: float


LAMPS = (
    Lamp(-50, 55, 0.8, 0.34),
    Lamp(50, 55, 0.6, 0.48),
    Lamp(5, 75, 0.85, 0.16),
    Lamp(-105, 44, 0.95, 0.26),
    Lamp(110, 46, 0.9, 0.34),
    Lamp(165, 60, 0.5, 0.5),
)


class LampMap(NamedTuple):
    """What a lamp sees: its view, the depth of the toy (T * T,) (infinite beside it), and how much
    of the table behind it is shaded (T * T,), 0 to 1."""

    lamp: Lamp
    view: View
    depth: np.ndarray
    shade: np.ndarray


class Table(NamedTuple):
    """The table in one eye's picture: for each lamp, its texel (L, S * S) and light (L, S * S); for
    the light from above, its texel (S * S,)."""

    texels: np.ndarray
    light: np.ndarray
    overhead: np.ndarray


def lamp_map(solids: list[Solid], lamp: Lamp, blur: int = 5) -> LampMap:
    """Photograph the toy from `lamp`; the edge of its shadow is softened over `blur` texels."""
    view = View.towards_toy(lamp.azimuth, lamp.elevation, TEXELS, MAP_SEEN)
    depth, _ = view.depths(solids)
    shade = _blurred(np.isfinite(depth).astype(np.float32), blur)
    return LampMap(lamp, view, depth.reshape(-1), shade.reshape(-1))


def overhead_map(solids: list[Solid]) -> LampMap:
    """How the toy darkens the table beneath it, where light from all sides does not come."""
    return lamp_map(solids, Lamp(0, OVERHEAD, 0, 1), 13)


def table(eye: View, lamps: list[Lamp], height: float) -> Table:
    """How the table, at z = `height`, lies in the picture of `eye` and in the maps of `lamps`."""
    slopes = eye.slopes()
    row, column = (grid.reshape(-1) for grid in np.meshgrid(slopes, slopes, indexing="ij"))
    ahead = eye.turn @ np.stack((column, row, np.ones(len(row))))
    points = eye.position[:, None] + ahead * ((height - eye.position[2]) / ahead[2])
    texels, light = [], []
    for lamp in lamps:
        view = View.towards_toy(lamp.azimuth, lamp.elevation, TEXELS, MAP_SEEN)
        away = view.position[:, None] - points
        distance = np.sqrt((away**2).sum(0))
        texels.append(view.project(points)[0])
        light.append(lamp.strength * (away[2] / distance) * (DISTANCE / distance))
    above = View.towards_toy(0, OVERHEAD, TEXELS, MAP_SEEN)
    return Table(np.stack(texels), np.stack(light).astype(np.float32), above.project(points)[0])


def photograph(
    seen: Surface, maps: list[LampMap], above: LampMap, ground: Table, size: int, finer: int
) -> np.ndarray:
    """The pictures (L, S, S), uint8, of a toy and its table under each lamp."""
    share = np.float32(1 / finer**2)
    bare = 1 - share * np.bincount(seen.pixel, minlength=size * size).astype(np.float32)
    open_sky = 1 - 0.8 * above.shade[ground.overhead]
    upward = 0.6 + 0.4 * seen.normals[2]
    pictures = np.empty((len(maps), size * size), dtype=np.float32)
    for number, each in enumerate(maps):
        lit = ground.light[number] * (1 - each.shade[ground.texels[number]])
        back = TABLE * (lit + each.lamp.sky * open_sky) * bare
        toy = PAINT * seen.tone * (_direct(seen, each) + each.lamp.sky * upward)
        front = np.bincount(seen.pixel, toy, minlength=size * size).astype(np.float32)
        pictures[number] = back + share * front
    grey = 255 * np.sqrt(np.minimum(pictures, 1)) + 0.5
    return grey.astype(np.uint8).reshape(-1, size, size)


def _direct(seen: Surface, each: LampMap) -> np.ndarray:
    """The light (P,) of one lamp that a surface sends to the eye: dull paint with a faint gloss."""
    towards = (each.view.position / DISTANCE).astype(np.float32)
    dull = np.maximum(towards @ seen.normals, 0)
    halfway = seen.facing + towards[:, None]
    gloss = np.einsum("ip,ip->p", halfway, seen.normals) / np.sqrt((halfway**2).sum(0))
    gloss = np.maximum(gloss, 0) ** 2
    gloss *= gloss
    gloss *= gloss
    gloss *= gloss
    texel, depth = each.view.project(seen.points + np.float32(BIAS) * seen.normals)
    behind = depth - np.float32(BIAS)
    reached = np.zeros(len(texel), dtype=np.float32)
    for step in (0, 1, TEXELS, TEXELS + 1):
        reached += each.depth[np.minimum(texel + step, TEXELS * TEXELS - 1)] >= behind
    shine = dull + 0.3 * gloss * np.minimum(4 * dull, 1)  # no gloss on a side turned away
    light: np.ndarray = each.lamp.strength * 0.25 * reached * shine
    return light


def _blurred(picture: np.ndarray, width: int) -> np.ndarray:
    """`picture` (T, T) averaged three times over `width` texels each way: nearly a Gaussian."""
    half = width // 2
    for axis in (0, 1) * 3:
        padded = np.pad(picture, [(half + 1, half) if axis == a else (0, 0) for a in (0, 1)])
        total = padded.cumsum(axis, dtype=np.float32)
        ends = np.take(total, range(width, total.shape[axis]), axis)
        starts = np.take(total, range(total.shape[axis] - width), axis)
        picture = (ends - starts) / width
    return picture
