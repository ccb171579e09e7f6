"""Seven procedural bundles in the manner of the FiberCup phantom: no download, no file.

The phantom (Poupon et al. 2008; Fillard et al. 2011) is a flat disc of fibre bundles that bend,
fork and cross; reconstructions of it are a common test of tractography. This is a drawing in the
same spirit and size, not its geometry: 7 bundles in a plane of about 180 mm, |z| below 8 mm.
Shape letters: N lines, M of one bundle, S points a line, K points a sample.
"""

from math import comb
from typing import Annotated, Literal, NamedTuple

import numpy as np
from pydantic import Field

from vaestro.data.dataset import DataSet
from vaestro.data.streamlines.lines import Lines
from vaestro.data.streamlines.streamlines import Points, from_lines
from vaestro.foundation.config import Config
from vaestro.foundation.randomness import Stream, derive_seed
from vaestro.foundation.samples import Frame

GRID = Frame(((3, 0, 0, -94.5), (0, 3, 0, -94.5), (0, 0, 3, -7.5), (0, 0, 0, 1)), (64, 64, 6), "mm")
"""64 x 64 x 6 voxels of 3 mm around the origin: the size of the phantom's images."""
FINE = 200
"""Points S of a line as it is drawn, before it is resampled."""
SHARES = (341, 592, 296, 256, 511, 448, 668)
"""Streamlines in each of the seven bundles of a FiberCup tractogram; the same proportions here."""


class Bundle(NamedTuple):
    """A Bezier curve through the plane (control points in mm), with how much wider than `spread`
    the bundle is at its start, middle and end, and how high above the plane its middle runs."""

    control: tuple[tuple[float, float], ...]
    widths: tuple[float, float, float]
    height: float


BUNDLES: dict[str, Bundle] = {
    "arc": Bundle(((-84, -26), (-98, 62), (-40, 110), (28, 84), (64, 66)), (1.0, 1.0, 1.4), 0),
    "crossing": Bundle(((-68, 9), (-16, 6), (36, 3), (88, 0)), (1.2, 0.9, 1.3), 2),
    "fork_left": Bundle(((-6, -88), (2, -40), (4, 10), (-56, 54)), (0.8, 0.9, 1.6), -2),
    "fork_right": Bundle(((-6, -88), (2, -40), (-4, 24), (40, 60)), (0.8, 0.9, 1.6), -2),
    "hook": Bundle(((88, 16), (96, 72), (60, 78), (56, 22)), (0.8, 0.8, 0.8), 0),
    "s_curve": Bundle(((22, -84), (116, -78), (-4, -30), (84, -24)), (1.0, 1.0, 1.2), 0),
    "u": Bundle(((-84, -36), (-84, -106), (-22, -106), (-28, -30)), (1.1, 1.0, 1.1), 0),
}


class BundlesConfig(Config):
    """`streamlines` in all, of `points` points each; `spread`: the radius of a bundle in mm;
    `orient`: all streamlines of a bundle run one way (they are drawn in either direction)."""

    kind: Literal["bundles"] = "bundles"
    streamlines: Annotated[int, Field(ge=20)] = 2000
    points: Points = 256
    spread: Annotated[float, Field(gt=0, le=6)] = 4.0
    orient: bool = True
    seed: Annotated[int, Field(ge=0)] = 0


def load_bundles(config: BundlesConfig) -> DataSet:
    """Streamlines (N, 3, K) in millimetres, labelled by bundle, with their covariates."""
    lines, labels = bundle_lines(config)
    names = [list(BUNDLES)[label] for label in labels]
    return from_lines(
        lines, names, frame=GRID, points=config.points, orient=config.orient, name="bundles"
    )


def bundle_lines(config: BundlesConfig) -> tuple[Lines, np.ndarray]:
    """The streamlines as a tracking program would give them, in either direction, and their
    bundles (N,), numbers in BUNDLES."""
    bounds = np.rint(np.cumsum((0, *SHARES)) / sum(SHARES) * config.streamlines).astype(int)
    drawn = [
        _drawn(bundle, count, config.spread, derive_seed(config.seed, Stream.DATA, number))
        for number, (bundle, count) in enumerate(
            zip(BUNDLES.values(), np.diff(bounds), strict=True)
        )
    ]
    points = np.concatenate(drawn).reshape(-1, 3)
    labels = np.repeat(np.arange(len(BUNDLES)), np.diff(bounds))
    return Lines.from_counts(points, np.full(len(labels), FINE)), labels


def _drawn(bundle: Bundle, count: int, spread: float, seed: int) -> np.ndarray:
    """M lines (M, S, 3) of one bundle: shifted, trimmed, wobbling, in either direction."""
    random = np.random.default_rng(seed)
    t = _trimmed(random, count)
    centre, normal = _curve(bundle, t)
    radius = np.sqrt(random.random((count, 1)))
    angle = 2 * np.pi * random.random((count, 1))
    width = spread * _profile(bundle.widths, t)
    across = width * (radius * np.cos(angle) + _wobble(random, t))
    above = width * (0.7 * radius * np.sin(angle) + _wobble(random, t))
    height = bundle.height * np.sin(np.pi * t) + np.clip(above, -5.5, 5.5)
    lines = np.concatenate([centre + across[..., None] * normal, height[..., None]], 2)
    reverse = random.random(count) < 0.5
    lines[reverse] = lines[reverse, ::-1]
    return lines


def _trimmed(random: np.random.Generator, count: int) -> np.ndarray:
    """Curve parameters t (M, S): most lines run nearly the whole way, some stop early."""
    start = 0.3 * random.beta(0.6, 2.5, (count, 1))
    end = 1 - 0.45 * random.beta(0.6, 2.5, (count, 1))
    t: np.ndarray = start + (end - start) * np.linspace(0, 1, FINE)
    return t


def _curve(bundle: Bundle, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The centre of the bundle and the unit normal in the plane at t: (M, S, 2) each."""
    control = np.array(bundle.control, float)
    degree = len(control) - 1
    tangent = _bernstein(degree * np.diff(control, axis=0), t)
    tangent /= np.linalg.norm(tangent, axis=2, keepdims=True)
    normal = np.stack([-tangent[..., 1], tangent[..., 0]], 2)
    return _bernstein(control, t), normal


def _bernstein(control: np.ndarray, t: np.ndarray) -> np.ndarray:
    """sum_i C(d, i) t^i (1 - t)^(d - i) p_i for control points p of degree d."""
    degree = len(control) - 1
    weights = [comb(degree, i) * t**i * (1 - t) ** (degree - i) for i in range(degree + 1)]
    return np.asarray(np.stack(weights, -1) @ control)


def _profile(widths: tuple[float, float, float], t: np.ndarray) -> np.ndarray:
    """The width along the bundle: a parabola through start, middle and end."""
    start, middle, end = widths
    control = np.array([[start], [2 * middle - (start + end) / 2], [end]])
    return _bernstein(control, t)[..., 0]


def _wobble(random: np.random.Generator, t: np.ndarray) -> np.ndarray:
    """Smooth noise (M, S): three slow waves, each with its own strength and phase for a line."""
    waves = np.arange(1, 4)
    strength = 0.14 * random.standard_normal((len(t), 3, 1)) / waves[:, None]
    phase = 2 * np.pi * random.random((len(t), 3, 1))
    noise: np.ndarray = (strength * np.sin(2 * np.pi * waves[:, None] * t[:, None] + phase)).sum(1)
    return noise
