"""Squares, ellipses and hearts in every size, turn and place: a set with known factors, like
dSprites, drawn when asked for.

The factors and their order are those of dSprites (Matthey, Higgins, Hassabis and Lerchner, 2017,
"dSprites: disentanglement testing sprites dataset"); the pixels are drawn here and are not those
of its file.

Shape letters: N samples, M of them asked for, S pixels along an edge, B pixels along a stamp.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from vaestro.data.dataset import DataSet, checked
from vaestro.data.images.thinning import around, evenly
from vaestro.foundation.config import Config

SHAPES = ("square", "ellipse", "heart")
SCALES = np.linspace(0.5, 1.0, 6)
ORIENTATIONS = np.linspace(0.0, 2 * np.pi, 40)
POSITIONS = np.linspace(0.0, 1.0, 32)
FULL_SIZE = 64
REACH = 15.5 / FULL_SIZE
"""How far from its centre the largest sprite reaches, as a share of the edge of the picture."""
MARGIN = 16.5 / FULL_SIZE
"""Centres keep this distance from the rim, so that no sprite is cut; x = 0 to 1 lies between. In a
picture of 64 pixels that leaves 31, so that each of the 31 steps is one pixel."""
DRAWN_AT_ONCE = 1000
TIE = 1e-9
"""A pixel whose centre is this near to an outline is inside, whatever the last bit of a cosine."""


class SpritesConfig(Config):
    """How many values of each factor of dSprites are taken, evenly: of 6 `scales`, 40
    `orientations` (0 to 2 pi) and 32 `positions` along x and along y; all three shapes are always
    there. 6, 40 and 32 give the 737,280 of dSprites. `size`: pixels along an edge.
    """

    kind: Literal["sprites"] = "sprites"
    size: Annotated[int, Field(ge=8, le=512)] = FULL_SIZE
    scales: Annotated[int, Field(ge=1, le=len(SCALES))] = 6
    orientations: Annotated[int, Field(ge=1, le=len(ORIENTATIONS))] = 20
    positions: Annotated[int, Field(ge=1, le=len(POSITIONS))] = 8


@dataclass(frozen=True)
class Sprites:
    """Rows that draw binary pictures (M, 1, S, S) from their factors, each a column (N,)."""

    size: int
    shapes: np.ndarray
    scale: np.ndarray
    orientation: np.ndarray
    x: np.ndarray
    y: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, 1, S, S)"""
        return (len(self.shapes), 1, self.size, self.size)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Bytes, each 0 or 1."""
        return np.dtype(np.uint8)

    def __len__(self) -> int:
        return len(self.shapes)

    def __getitem__(self, numbers: Any, /) -> np.ndarray:
        """The pictures (M, 1, S, S) of an integer array (M,) or of a slice."""
        wanted = np.arange(len(self))[numbers] if isinstance(numbers, slice) else numbers
        pictures = np.zeros((len(wanted), 1, self.size, self.size), dtype=np.uint8)
        for start in range(0, len(wanted), DRAWN_AT_ONCE):
            self._draw(pictures[start : start + DRAWN_AT_ONCE, 0], wanted[start:][:DRAWN_AT_ONCE])
        return pictures

    def _draw(self, pictures: np.ndarray, wanted: np.ndarray) -> None:
        """Draw the samples `wanted` (M,) into `pictures` (M, S, S), which are empty.

        Only the stamp around a sprite, B = 2 reach + 3 pixels wide, is looked at.
        """
        reach = REACH * self.size * self.scale[wanted]
        centre_x, centre_y = (self._pixel(place[wanted]) for place in (self.x, self.y))
        half = int(np.ceil(reach.max())) + 1
        stamp = np.arange(-half, half + 1)
        column = np.rint(centre_x).astype(np.intp)[:, None] + stamp
        row = np.rint(centre_y).astype(np.intp)[:, None] + stamp
        across = (column - centre_x[:, None]) / reach[:, None]
        up = (centre_y[:, None] - row) / reach[:, None]
        cosine, sine = np.cos(self.orientation[wanted]), np.sin(self.orientation[wanted])
        u = across[:, None, :] * cosine[:, None, None] + up[:, :, None] * sine[:, None, None]
        v = up[:, :, None] * cosine[:, None, None] - across[:, None, :] * sine[:, None, None]
        sprite, y, x = np.nonzero(_inside(self.shapes[wanted], u, v))
        pictures[sprite, row[sprite, y], column[sprite, x]] = 1

    def _pixel(self, place: np.ndarray) -> np.ndarray:
        """Where places from 0 to 1 lie, in pixels; pixel 0 has its middle at 0."""
        return self.size * (MARGIN + (1 - 2 * MARGIN) * place) - 0.5


def load_sprites(config: SpritesConfig) -> DataSet:
    """Binary pictures (N, 1, S, S), in the order of dSprites: shape varies slowest, then scale,
    orientation, x, and y fastest. Labels: the shape. Covariates: scale (0.5 to 1), orientation
    (radians, counterclockwise), x (0 left to 1 right) and y (0 top to 1 bottom).
    """
    taken = (
        SCALES[evenly(len(SCALES), config.scales)],
        ORIENTATIONS[around(len(ORIENTATIONS), config.orientations)],
        *2 * (POSITIONS[evenly(len(POSITIONS), config.positions)],),
    )
    shapes, *factors = np.meshgrid(np.arange(len(SHAPES)), *taken, indexing="ij")
    columns = [factor.reshape(-1) for factor in factors]
    return checked(
        "sprites",
        Sprites(config.size, shapes.reshape(-1), *columns),
        "binary",
        levels=2,
        labels=shapes.reshape(-1),
        label_names=SHAPES,
        covariates=dict(zip(("scale", "orientation", "x", "y"), columns, strict=True)),
    )


def _inside(shapes: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Which points (u, v) (M, B, B), in units of the reach, lie inside shape number `shapes` (M,).

    Each shape fits the unit disc. square: |u|, |v| <= sqrt(1/2); ellipse: u^2 + (v / 0.55)^2 <= 1;
    heart: (a^2 + b^2 - 1)^3 <= a^2 b^3 with a = 1.35 u, b = 1.35 v + 0.1.
    """
    inside = np.empty(u.shape, dtype=bool)
    for number in np.unique(shapes):
        of = shapes == number
        a, b = u[of], v[of]
        match SHAPES[number]:
            case "square":
                inside[of] = np.maximum(abs(a), abs(b)) <= np.sqrt(0.5) + TIE
            case "ellipse":
                inside[of] = a**2 + (b / 0.55) ** 2 <= 1 + TIE
            case _:
                a2, b = (1.35 * a) ** 2, 1.35 * b + 0.1
                inside[of] = (a2 + b * b - 1) ** 3 <= a2 * b**3 + TIE
    return inside
