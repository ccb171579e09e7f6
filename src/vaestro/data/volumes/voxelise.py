"""Atoms as a voxel image: spheres that give each voxel the part of their volume that lies in it.

The parts depend on where in its voxel an atom sits, and smoothly so: they are tabulated once for
a lattice of such places, exactly, and interpolated between them (trilinear). So an image costs a
few gathers an atom, each atom gives 1 in total, and moving by whole voxels moves the image exactly.

Shape letters: A atoms, C channels, D voxels a side, m voxels a sphere can touch along an axis,
T lattice places along an axis, G cutting planes, Q points of quadrature.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from vaestro.foundation.errors import DataError

FINENESS = 32
"""Lattice places to a radius: the error of a voxel is at most 5e-4 of an atom."""
LARGEST = 4.0
"""The largest radius in voxels; beyond it a lattice would fill the memory."""
NODES = 4
"""Nodes of the quadrature between two cutting planes."""
CORNERS = np.array([(i, j, k) for i in (0, 1) for j in (0, 1) for k in (0, 1)])


class Table(NamedTuple):
    """parts: (T^3, m^3) float32, the parts of a sphere by the place of its lower edge in a voxel.

    The T places lie evenly from `low` (nearer to the voxel's start nothing changes) to 1.
    """

    parts: np.ndarray
    places: int
    low: float
    reach: int


def voxelise(
    positions: np.ndarray,
    channel: np.ndarray,
    channels: int,
    size: int,
    resolution: float = 1.0,
    radius: float | None = None,
) -> np.ndarray:
    """The image (C, D, D, D) float32 of spheres at `positions` (A, 3), axes (x, y, z).

    positions and radius (by default half a voxel) are in the unit of `resolution`, the voxel's
    side; the box begins at the origin, so that voxel i spans [i, i + 1) * resolution. Each atom
    adds, in its `channel` (A,), the part of its volume in each voxel: 1 in total, less what lies
    outside; overlapping atoms add up. Raises DataError for a radius beyond 4 voxels.
    """
    ratio = 0.5 if radius is None else radius / resolution
    table = table_of(ratio)
    edge = positions / resolution - ratio
    first = np.floor(edge)
    touching = ((first > -table.reach) & (first < size)).all(1)
    edge, first = edge[touching], first[touching]
    parts = interpolated(table, edge - first)
    padded = size + 2 * (table.reach - 1)
    start = first.astype(np.int64) + (table.reach - 1)
    corner = ((channel[touching] * padded + start[:, 0]) * padded + start[:, 1]) * padded
    where = (corner + start[:, 2])[:, None] + _steps(table.reach, padded)
    count = channels * padded**3
    sums = np.bincount(where.ravel(), parts.ravel(), count).reshape(channels, *[padded] * 3)
    inner = slice(table.reach - 1, table.reach - 1 + size)
    return sums[:, inner, inner, inner].astype(np.float32)


def interpolated(table: Table, inside: np.ndarray) -> np.ndarray:
    """The parts (A, m^3) of spheres whose lower edge lies `inside` (A, 3) a voxel, in [0, 1)."""
    last = table.places - 1
    place = np.maximum(inside - table.low, 0.0) * (last / (1 - table.low))
    node = np.minimum(place.astype(np.int64), last - 1)
    after = (place - node).astype(np.float32)
    weights = np.stack([1 - after, after], axis=1)  # (A, 2, 3)
    plane = weights[:, :, None, 0] * weights[:, None, :, 1]
    corner = (plane.reshape(-1, 4, 1) * weights[:, None, :, 2]).reshape(-1, 8)
    strides = np.array([table.places**2, table.places, 1])
    rows = (node @ strides)[:, None] + CORNERS @ strides
    parts: np.ndarray = np.einsum("ak,akv->av", corner, table.parts[rows])
    return parts


@lru_cache(maxsize=8)
def table_of(ratio: float) -> Table:
    """The table for spheres of a radius of `ratio` voxels."""
    if not 0 < ratio <= LARGEST:
        raise DataError(
            f"atoms of a radius of {ratio:g} voxels cannot be drawn; give a radius above 0 and of "
            f"at most {LARGEST:g} voxels"
        )
    reach = int(np.ceil(2 * ratio)) + 1
    low = max(0.0, 1 - 2 * ratio)
    places = int(np.ceil(FINENESS * (1 - low) / ratio)) + 1
    edge = np.linspace(low, 1, places)
    planes = (np.arange(reach + 1) - edge[:, None]) / ratio - 1  # in radii from the centre
    planes[:, 0], planes[:, -1] = -1, 1  # whatever sticks out there is rounding
    cuts, which = np.unique(np.clip(planes, -1, 1).round(12), return_inverse=True)
    below = ball_below(cuts)
    which = which.reshape(planes.shape)
    for _ in range(3):  # (X, Y, G) -> (T * m, X, Y): the axes take turns to be the last
        between = np.diff(below[..., which])
        below = np.moveaxis(between.reshape(*below.shape[:2], -1), -1, 0)
    parts = below.reshape([places, reach] * 3).transpose(0, 2, 4, 1, 3, 5)
    flat = np.ascontiguousarray(parts.reshape(places**3, reach**3), dtype=np.float32)
    return Table(flat, places, low, reach)


def ball_below(cuts: np.ndarray) -> np.ndarray:
    """The part (G, G, G) of the unit ball with x < a, y < b and z < c, for all triples of `cuts`.

    cuts: (G,) ascending, from -1 to 1. Discs cut by two lines, in closed form, are summed over z
    between neighbouring cuts by Gauss-Legendre quadrature.
    """
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    half = np.diff(cuts) / 2
    z = (cuts[:-1] + half)[:, None] + half[:, None] * nodes
    areas = np.stack([disc_below(cuts, np.sqrt(1 - row**2)) @ weights for row in z], axis=-1)
    volumes = np.cumsum(areas * half, axis=-1)
    below = np.concatenate([np.zeros((*volumes.shape[:2], 1)), volumes], axis=-1)
    part: np.ndarray = below / (4 / 3 * np.pi)
    return part


def disc_below(cuts: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """The area (G, G, Q) with x < a and y < b of discs with `radii` (Q,), a and b from `cuts`."""
    line = np.clip(cuts[:, None], -radii, radii)
    left = line * np.sqrt(radii**2 - line**2) + radii**2 * (np.arcsin(line / radii) + np.pi / 2)
    a, b = line[:, None], line[None]
    less_a, less_b, whole = left[:, None], left[None], np.pi * radii**2
    inside = (less_a + less_b) / 2 - whole / 4 + a * b
    outside = np.where((a < 0) | (b < 0), np.minimum(less_a, less_b), less_a + less_b - whole)
    outside = np.where((a < 0) & (b < 0), 0.0, outside)
    area: np.ndarray = np.where(a**2 + b**2 < radii**2, inside, outside)
    return area


@lru_cache(maxsize=64)
def _steps(reach: int, padded: int) -> np.ndarray:
    """From a voxel's number to those of the m^3 voxels that begin there."""
    near = np.arange(reach)
    steps: np.ndarray = (near[:, None, None] * padded + near[:, None]) * padded + near
    return steps.ravel()
