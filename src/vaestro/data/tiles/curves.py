"""Streamlines drawn as what they are: curves in space, seen along an axis.

A piece of a curve is coloured by its direction, red along x, green along y and blue along z, as in
tractography (Pajevic and Pierpaoli 1999).

Letters: S streamlines, L points.
"""

import numpy as np

from vaestro.data.tiles.look import Look, Picture

SIDE, OVERSAMPLING = 120, 3
BETWEEN = 4
PAPER = (16, 18, 22)
VIEWS = ((0, 1), (0, 2), (1, 2))
"""The axes (across, up) of the view from above, from the front and from the side."""


def curve(line: Picture, look: Look) -> Picture:
    """(3, L) -> the curve seen along the axis in which it extends least."""
    across, up = sorted(np.argsort(np.ptp(line, axis=1), kind="stable")[1:])
    return _drawn([line], look, (int(across), int(up)), SIDE, 2)


def overlay(samples: Picture, look: Look, side: int = 360) -> Picture:
    """(S, 3, L) -> every curve in three views side by side, each `side` pixels square."""
    sheet = np.ones((side, 3 * side + 2 * BETWEEN, 3))
    for place, view in enumerate(VIEWS):
        left = place * (side + BETWEEN)
        sheet[:, left : left + side] = _drawn(list(samples), look, view, side, 1)
    return sheet


def _drawn(
    curves: list[Picture], look: Look, view: tuple[int, int], side: int, thick: int
) -> Picture:
    from PIL import Image, ImageDraw

    large = side * OVERSAMPLING
    canvas = Image.new("RGB", (large, large), PAPER)
    pen = ImageDraw.Draw(canvas)
    across, up = view
    for line in curves:
        x = (line[across] - look.centre[across]) / look.extent + 0.5
        y = 0.5 - (line[up] - look.centre[up]) / look.extent
        points = np.stack([x, y], 1) * large
        for start, end, ink in zip(points[:-1], points[1:], _inks(line), strict=True):
            pen.line([tuple(start), tuple(end)], fill=tuple(ink), width=thick * OVERSAMPLING)
    return np.asarray(canvas.resize((side, side), Image.Resampling.BOX), np.float64) / 255


def _inks(line: Picture) -> np.ndarray:
    """(3, L) -> the colours (L-1, 3) of its pieces, as bytes."""
    steps = np.abs(np.diff(line, axis=1)).T
    lengths = np.linalg.norm(steps, axis=1, keepdims=True)
    directions = np.divide(steps, lengths, out=np.zeros_like(steps), where=lengths > 0)
    inks: np.ndarray = (55 + 200 * directions).astype(np.uint8)
    return inks
