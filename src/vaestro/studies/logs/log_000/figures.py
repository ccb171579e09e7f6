"""Pictures of log 000's study: how the terms go, boxes in rows, and decoders beside each other."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vaestro.data.tiles.look import look_at
from vaestro.reports.figures import style
from vaestro.reports.figures.mosaic import grid_height, place_samples
from vaestro.studies.logs.log_000.measures import Course

Array = NDArray[np.floating[Any]]
PLOT = (300, 200)
LEFT, TOP, RIGHT, BELOW = 62, 34, 24, 46
"""CSS pixels: a plot, and around it."""
BOX, HEAD, APART = 180, 24, 10
"""CSS pixels: a box as a tile, the title over a row, between rows."""


def terms(courses: Mapping[str, Course], zeros: float, batch: int = 1) -> Figure:
    """The error and the KL of runs by the step; `batch`: how many samples' KL is summed."""
    wide, high = PLOT
    sheet = style.Sheet(2 * (LEFT + wide + RIGHT), TOP + high + BELOW)
    error = sheet.axes(LEFT, TOP, wide, high)
    kl = sheet.axes(2 * LEFT + wide + RIGHT, TOP, wide, high)
    for colour, (name, went) in zip(style.CLASSES, courses.items(), strict=False):
        error.plot(went.steps, went.mse, color=colour, linewidth=1.6, label=name)
        kl.plot(went.steps, [batch * nats for nats in went.kl], color=colour, linewidth=1.6)
    error.axhline(zeros, color=style.QUIET, linewidth=1, linestyle=(0, (5, 3)))
    error.set_ylim(0, 1.15 * max(zeros, *(max(went.mse) for went in courses.values())))
    kl.set_yscale("log")
    style.title(error, "Mean squared error, held out")
    style.title(kl, "KL", "nats a batch" if batch > 1 else "nats a sample")
    _steps(error, kl)
    if len(courses) > 1:
        error.legend(frameon=False, fontsize=11 * style.POINT, labelcolor=style.INK)
    return sheet.figure


def against(
    across: Sequence[float], lines: Mapping[str, Sequence[float]], name: str, mark: float
) -> Figure:
    """Quantities in plots beside each other over one called `name`, which is logarithmic, with a
    dashed line at `mark`."""
    wide, high = PLOT
    sheet = style.Sheet(len(lines) * (LEFT + wide + RIGHT), TOP + high + BELOW)
    for place, (title, values) in enumerate(lines.items()):
        axes = sheet.axes(place * (LEFT + wide + RIGHT) + LEFT, TOP, wide, high)
        axes.plot(across, values, color=style.HELD_OUT, linewidth=1.6, marker="o", ms=4)
        axes.axvline(mark, color=style.ACCENT, linewidth=1, linestyle=(0, (5, 3)))
        axes.set_xscale("log")
        axes.set_ylim(0, 1.12 * max(max(values), 1e-9))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(style.plain_ticks())
        style.title(axes, title)
        style.label_x(axes, name)
    return sheet.figure


def rows_of_boxes(rows: Mapping[str, Array]) -> Figure:
    """Boxes (N, C, D, D, D) of each title in a row, all in the look of the first row's."""
    first = next(iter(rows.values()))
    look, count = look_at(first, None), max(len(row) for row in rows.values())
    width = count * (BOX + APART) - APART
    height = grid_height(first, look, width, count)
    sheet = style.Sheet(width, len(rows) * (HEAD + height + APART) - APART)
    for place, (title, row) in enumerate(rows.items()):
        top = place * (HEAD + height + APART)
        sheet.write(0, top + 4, title, 13, color=style.INK)
        place_samples(sheet, row, look, (0, top + HEAD, width * len(row) / count), len(row))
    return sheet.figure


def ranked(rows: Sequence[tuple[str, Sequence[float]]], across: str) -> Figure:
    """A dot for each run of each named row, the least mean at the top."""
    high, wide, names, top = 17 * len(rows), 420, 250, 8
    sheet = style.Sheet(names + wide + RIGHT, top + high + BELOW)
    axes = sheet.axes(names, top, wide, high)
    for place, (_, values) in enumerate(rows):
        axes.plot(values, [place] * len(values), "o", color=style.HELD_OUT, ms=4, alpha=0.75)
        axes.plot([min(values), max(values)], [place] * 2, color=style.RULE, zorder=0)
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.xaxis.set_major_formatter(style.plain_ticks())
    style.label_x(axes, across)
    return sheet.figure


def _steps(*plots: Axes) -> None:
    for axes in plots:
        axes.yaxis.set_major_formatter(style.plain_ticks())
        style.label_x(axes, "step")
