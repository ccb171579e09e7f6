"""Pictures of the studies on streamlines: bundles side by side, and quantities over one another.

Letters: N streamlines, P points of one.
"""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vaestro.data.tiles.curves import BETWEEN, VIEWS, overlay
from vaestro.data.tiles.look import Look, Picture, look_at
from vaestro.reports.figures import style

Array = NDArray[np.floating]
SIDE, GAP, HEAD = 250, 14, 24
"""CSS pixels: a panel, between two panels, and the title over each."""
PLOT, MARGIN = (300, 220), (66, 34, 18, 46)
"""Width and height of a plot; left, top, right and bottom of it."""

NAMED = 8
"""More lines have no room for their names."""


class Series(NamedTuple):
    """A line of a plot: its name, and what it goes through."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


class Plot(NamedTuple):
    """A plot: `title`, what is across, and its lines. `logs`: the axes that are logarithmic."""

    title: str
    across: str
    lines: Sequence[Series]
    logs: str = ""


def side_by_side(panels: Mapping[str, Array], columns: int, most: int) -> Figure:
    """Streamlines (N, 3, P) of each title in a panel, about `most` of them, evenly chosen; all seen
    along the axis in which those of the first panel extend least."""
    base = next(iter(panels.values()))
    look = look_at(base, None)
    rows = -(-len(panels) // columns)
    sheet = style.Sheet(columns * (SIDE + GAP) - GAP, rows * (SIDE + HEAD + GAP) - GAP)
    for place, (title, drawn) in enumerate(panels.items()):
        row, column = divmod(place, columns)
        left, top = column * (SIDE + GAP), row * (SIDE + HEAD + GAP)
        sheet.write(left, top + 4, title, 13, color=style.INK)
        some = drawn[:: -(-len(drawn) // most)]
        style.picture(sheet.axes(left, top + HEAD, SIDE, SIDE), _seen(some, base, look))
    return sheet.figure


def plots(drawn: Sequence[Plot]) -> Figure:
    """Plots side by side, their lines named at the top of each."""
    (wide, high), (left, top, right, bottom) = PLOT, MARGIN
    across = left + wide + right
    sheet = style.Sheet(len(drawn) * across, top + high + bottom)
    for place, plot in enumerate(drawn):
        _draw(sheet.axes(place * across + left, top, wide, high), plot)
    return sheet.figure


def _seen(drawn: Array, base: Array, look: Look) -> Picture:
    """The view along the axis in which `base` extends least."""
    thin = int(np.argmin(np.ptp(np.asarray(base), axis=(0, 2))))
    view = VIEWS.index(next(pair for pair in VIEWS if thin not in pair))
    side = 2 * SIDE
    left = view * (side + BETWEEN)
    return overlay(np.asarray(drawn, np.float64), look, side)[:, left : left + side]


def _draw(axes: Axes, plot: Plot) -> None:
    for colour, (name, x, y) in zip(cycle(style.CLASSES), plot.lines, strict=False):
        axes.plot(x, y, color=colour, linewidth=1.6, marker="o", markersize=3.2, label=name)
    for letter in plot.logs:
        getattr(axes, f"set_{letter}scale")("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(style.plain_ticks())
        axis.set_minor_formatter("")
    style.title(axes, plot.title)
    style.label_x(axes, plot.across)
    if 1 < len(plot.lines) <= NAMED:
        axes.legend(frameon=False, fontsize=11 * style.POINT, labelcolor=style.INK)
