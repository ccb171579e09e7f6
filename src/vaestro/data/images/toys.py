"""Toys on a turntable, drawn here: a stand-in for small NORB with the same factors.

Five categories of ten objects, seen by two eyes from 9 elevations and 18 azimuths under 6 lamps:
48,600 stereo pairs. They are drawn once, by casting rays, and kept in the cache.

Shape letters: P stereo pairs, E eyes, S pixels along an edge.
"""

from collections.abc import Iterator
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from vaestro.data.cache import cached_array
from vaestro.data.dataset import DataSet
from vaestro.data.images.drawing.lamps import LAMPS, lamp_map, overhead_map, photograph, table
from vaestro.data.images.drawing.rendering import EYES, SEEN, View, surface
from vaestro.data.images.drawing.toy_shapes import toy
from vaestro.data.images.thinning import around, evenly
from vaestro.data.images.turntable import (
    AZIMUTHS,
    CATEGORIES,
    ELEVATIONS,
    INSTANCES,
    LIGHTINGS,
    Parts,
    TurntableConfig,
    annotated,
    turntable,
)

DRAWING = 1
"""Counted up when a change to the drawing changes a pixel, so that no old cache is shown."""
SHARP = 64
"""Pictures from this size on are cast with 2 x 2 rays a pixel, smaller ones with 3 x 3."""
HELD_BYTES = 256_000_000
"""Pictures up to this size are copied to memory; more are read from the cache as needed."""


class ToysConfig(TurntableConfig):
    """`size`: pixels along an edge. `instances`, `elevations`, `azimuths`, `lightings`: how many of
    the 10 objects of a category, 9 elevations (30 to 70 degrees), 18 azimuths and 6 lamps are
    taken, evenly. The last object of each category is the official test part, the fifth before it
    (at least one object) the validation part: 9, and 7 and 8, where there are ten.
    """

    kind: Literal["toys"] = "toys"
    size: Annotated[int, Field(ge=16, le=256)] = 96
    instances: Annotated[int, Field(ge=3, le=INSTANCES)] = INSTANCES
    elevations: Annotated[int, Field(ge=1, le=ELEVATIONS)] = ELEVATIONS
    azimuths: Annotated[int, Field(ge=1, le=AZIMUTHS)] = AZIMUTHS
    lightings: Annotated[int, Field(ge=1, le=LIGHTINGS)] = LIGHTINGS

    @property
    def codes(self) -> tuple[np.ndarray, ...]:
        """The codes of instance, elevation, azimuth and lighting that are taken."""
        return (
            evenly(INSTANCES, self.instances),
            evenly(ELEVATIONS, self.elevations),
            2 * around(AZIMUTHS, self.azimuths),
            evenly(LIGHTINGS, self.lightings),
        )

    @property
    def parts(self) -> Parts:
        """The instances of the training, validation and test part."""
        *others, test = (int(number) for number in self.codes[0])
        validation = max(1, self.instances // 5)
        return Parts(tuple(others[:-validation]), tuple(others[-validation:]), (test,))

    @property
    def eyes(self) -> tuple[str, ...]:
        """The eyes whose pictures are wanted."""
        return (self.stereo,) if self.stereo in EYES else tuple(EYES)


def load_toys(config: ToysConfig) -> DataSet:
    """Pictures as bytes (N, E, S, S), shown in [0, 1]: category varies slowest, then instance,
    elevation, azimuth, lighting and, where both eyes are samples, the eye.

    All 97,200 pictures take minutes to draw the first time, and 900 MB of the cache.
    """
    grid = np.meshgrid(np.arange(len(CATEGORIES)), *config.codes, indexing="ij")
    objects = np.stack([code.reshape(-1) for code in grid], axis=1)
    shape = (len(objects), len(config.eyes), config.size, config.size)
    codes = [[int(code) for code in factor] for factor in config.codes]
    key = {"drawing": DRAWING, "codes": codes, "eyes": config.eyes}
    values = cached_array("toys", key, shape, np.uint8, lambda: _drawn(config))
    notes: tuple[str, ...] = ()
    if not isinstance(values, np.memmap):
        notes = ("the cache folder cannot be written: the toys are drawn anew by every command.",)
    elif values.nbytes <= HELD_BYTES:
        values = np.array(values)
    annotations = annotated(objects, config.stereo)
    return turntable("toys", values, annotations, config, config.parts, notes)


def _drawn(config: ToysConfig) -> Iterator[np.ndarray]:
    """The pictures of one object after another, each (P, E, S, S)."""
    for category in range(len(CATEGORIES)):
        for instance in config.codes[0]:
            yield _turned(category, int(instance), config)


def _turned(category: int, instance: int, config: ToysConfig) -> np.ndarray:
    """One object from all sides: (elevations, azimuths, lightings, E, S, S)."""
    _, elevations, azimuths, lightings = config.codes
    size, finer = config.size, 2 if config.size >= SHARP else 3
    lamps = [LAMPS[code] for code in lightings]
    still = toy(category, instance)
    height = min(float(solid.corners[:, 2].min()) for solid in still)
    views = [
        (row, column, (EYES[eye], 30.0 + 5.0 * code))
        for row, code in enumerate(elevations)
        for column, eye in enumerate(config.eyes)
    ]
    tables = [table(View.towards_toy(*angles, size, SEEN), lamps, height) for *_, angles in views]
    pictures = np.empty(
        (len(elevations), len(azimuths), len(lamps), len(config.eyes), size, size), dtype=np.uint8
    )
    for step, code in enumerate(azimuths):
        solids = [solid.moved(_about_z(10.0 * code), np.zeros(3)) for solid in still]
        maps, above = [lamp_map(solids, lamp) for lamp in lamps], overhead_map(solids)
        for (row, column, angles), ground in zip(views, tables, strict=True):
            seen = surface(solids, View.towards_toy(*angles, size * finer, SEEN), finer)
            shown = photograph(seen, maps, above, ground, size, finer)
            pictures[row, step, :, column] = shown
    return pictures


def _about_z(degrees: float) -> np.ndarray:
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
