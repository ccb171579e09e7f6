"""How every figure looks: a page measured in CSS pixels, quiet axes, colours that survive
colour blindness.

Figures use matplotlib's object interface only; nothing here touches pyplot or global state.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from vaestro.reports.numerals import typeset

WIDE, NARROW = 760, 360
"""Widths in CSS pixels: for a desk and for a phone."""
INCH = 96
"""CSS pixels to an inch."""
POINT = 0.75
"""Points to a CSS pixel."""

INK, QUIET, RULE = "#22282c", "#5d666b", "#c9cdcc"
TRAIN, HELD_OUT, ACCENT, WARNING = "#98a3a8", "#0b5f6b", "#cc6a22", "#a8332c"

CLASSES = (
    "#332288",
    "#cc6677",
    "#117733",
    "#ddaa33",
    "#88ccee",
    "#882255",
    "#44aa99",
    "#6b7a1e",
    "#aa4499",
    "#555555",
)
"""Ten colours after Paul Tol's "muted" scheme (personal.sron.nl/~pault), which stay apart for
colour-blind readers; his pale yellow and pale grey are darkened to stand on white."""


class Sheet:
    """A figure of `width` x `height` CSS pixels on which axes are placed by pixel, from the top."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width / INCH, height / INCH), dpi=INCH, facecolor="none")

    def axes(self, left: float, top: float, width: float, height: float, **more: Any) -> Axes:
        """Axes whose frame has this corner and size."""
        box = (
            left / self.width,
            1 - (top + height) / self.height,
            width / self.width,
            height / self.height,
        )
        axes = self.figure.add_axes(box, **more)
        calm(axes)
        return axes

    def write(self, left: float, top: float, text: str, size: float = 13, **more: Any) -> None:
        """Text whose upper left corner (unless aligned otherwise) lies at this place."""
        more = {"va": "top", "color": QUIET, "fontsize": size * POINT, **more}
        self.figure.text(left / self.width, 1 - top / self.height, text, parse_math=False, **more)

    def line(self, left: float, top: float, length: float, **more: Any) -> None:
        """A horizontal stroke, for legends."""
        ends = (left / self.width, (left + length) / self.width)
        height = 1 - top / self.height
        self.figure.add_artist(Line2D(ends, (height, height), **more))


def calm(axes: Axes) -> None:
    """Two thin spines, small grey ticks, no box."""
    axes.set_facecolor("none")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(RULE)
    axes.tick_params(color=RULE, labelcolor=QUIET, labelsize=12 * POINT, length=3, width=0.8)


def title(axes: Axes, text: str, unit: str = "") -> None:
    """A heading over the left end of the axes; the unit beside it in grey."""
    axes.set_title(text, loc="left", fontsize=13.5 * POINT, color=INK, fontweight="bold", pad=7)
    if unit:
        axes.set_title(unit, loc="right", fontsize=12 * POINT, color=QUIET, pad=7)


def label_x(axes: Axes, text: str) -> None:
    """The label under the horizontal axis."""
    axes.set_xlabel(text, fontsize=12 * POINT, color=QUIET, labelpad=5)


def label_y(axes: Axes, text: str) -> None:
    """The label beside the vertical axis."""
    axes.set_ylabel(text, fontsize=12 * POINT, color=QUIET, labelpad=5)


def plain_ticks() -> FuncFormatter:
    """Tick labels as plain numbers (0.01, 12 000), never as powers or with an offset."""

    def text(value: float, _: int | None) -> str:
        thousands = 1000 <= abs(value) < 1e5
        return typeset(f"{value:,.0f}" if thousands else f"{value:.6g}")

    return FuncFormatter(text)


def picture(axes: Axes, sheet: np.ndarray[Any, np.dtype[np.float64]]) -> None:
    """Fill axes with an RGB picture (h, w, 3), pixel by pixel, without ticks or spines."""
    pixels = np.round(sheet * 255).astype(np.uint8)
    axes.imshow(pixels, interpolation="none", aspect="auto", extent=(0, 1, 0, 1))
    axes.set_axis_off()


def together(values: Sequence[float], least: float) -> tuple[float, float]:
    """Limits around values with 6 % of air and a span of at least `least`."""
    low, high = min(values), max(values)
    if high - low < least:
        middle = (low + high) / 2
        low, high = middle - least / 2, middle + least / 2
    air = 0.06 * (high - low)
    return low - air, high + air
