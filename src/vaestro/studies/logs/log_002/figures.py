"""Pictures of log 002: strips of digits, and dots of runs beside lines."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Images = np.ndarray[Any, Any]

LEFT, EDGE, GAP, ROW = 190, 48, 6, 38
"""CSS pixels: room for the names, the edge of a digit, what is between rows, a row of dots."""


class Strip(NamedTuple):
    """A row of pictures (N, H, W) of greys in [0, 1] and its name."""

    name: str
    images: Images


class Dots(NamedTuple):
    """The runs of one setting: a value each, which of them are marked, and what each is called."""

    name: str
    values: Sequence[float]
    marked: Sequence[bool]
    called: Sequence[str] = ()


def strips(rows: Sequence[Strip]) -> "Figure":
    """Rows of white-on-black pictures, each with its name to the left."""
    from vaestro.reports.figures.style import INK, Sheet, picture

    columns = max(len(row.images) for row in rows)
    sheet = Sheet(LEFT + columns * (EDGE + 2) + 10, len(rows) * (EDGE + GAP) + 10)
    for place, row in enumerate(rows):
        top = 5 + place * (EDGE + GAP)
        sheet.write(LEFT - 12, top + EDGE / 2, row.name, color=INK, ha="right", va="center")
        for column, image in enumerate(row.images):
            axes = sheet.axes(LEFT + column * (EDGE + 2), top, EDGE, EDGE)
            picture(axes, np.repeat(np.clip(image, 0, 1)[..., None], 3, axis=2))
    return sheet.figure


def dots(
    groups: Sequence[Dots], axis: str, line: tuple[float, str] | None, marked: str = ""
) -> "Figure":
    """A row of dots for each setting over one axis; `line`: a value that they are compared with;
    `marked`: what the red crosses among them are."""
    from vaestro.reports.figures.style import HELD_OUT, INK, QUIET, RULE, WARNING, Sheet, label_x

    height = ROW * len(groups)
    sheet = Sheet(760, height + 90)
    axes = sheet.axes(LEFT, 32, 740 - LEFT, height)
    for place, group in enumerate(groups):
        axes.axhline(place, color=RULE, lw=0.6, zorder=0)
        for value, cross in zip(group.values, group.marked, strict=True):
            colour, shape = (WARNING, "x") if cross else (HELD_OUT, "o")
            axes.plot(value, place, shape, color=colour, ms=6, alpha=0.75, clip_on=False)
        for value, name in zip(group.values, group.called, strict=False):
            above: dict[str, Any] = {
                "xytext": (0, 6),
                "textcoords": "offset points",
                "ha": "center",
            }
            axes.annotate(name, (value, place), color=QUIET, fontsize=8.5, **above)
    if line is not None:
        axes.axvline(line[0], color=QUIET, lw=1, ls="--")
        axes.annotate(
            line[1],
            (line[0], 1),
            (0, 5),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            va="bottom",
            color=QUIET,
            fontsize=9,
        )
    axes.set_yticks(range(len(groups)), [group.name for group in groups], color=INK)
    axes.set_ylim(len(groups) - 0.5, -0.5)
    label_x(axes, axis)
    if marked:
        sheet.write(12, height + 66, f"x  {marked}", color=WARNING, size=12)
    return sheet.figure
