"""The eigenvalues of the forecast, relative to the effective beta, beside what lived in the end."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

from vaestro.reports.facts import ENDED, RunFacts, finite
from vaestro.reports.figures import style
from vaestro.reports.figures.scales import round_numbers
from vaestro.reports.numerals import counted, number

DASHES = (0, (5, 3))
LEAST_SHOWN, MOST_SHOWN = 24, 64
"""So many directions are drawn: twice the latents, within these."""
DECADES = 4
"""So far below the threshold the scale reaches at most."""
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Spectrum:
    """Eigenvalues over the effective beta, largest first: `sample` (D,); `held_out` (H,) along the
    same ranks, with `low` and `high` ends of their 95 % intervals. `live`: the dimensions that are
    live at the end of the run, None while it has not ended."""

    sample: Values
    held_out: Values
    low: Values
    high: Values
    live: int | None

    @property
    def above(self) -> int:
        """How many of the drawn directions pay for themselves."""
        return int((self.sample > 1).sum())


def spectrum(facts: RunFacts) -> Spectrum | None:
    """The spectrum in the run's forecast; None where there is none, or no effective beta."""
    told = facts.forecast
    sample = _positive(told.get("eigenvalues"))
    if not len(sample) or not finite(told.get("effective_beta")):
        return None
    shown = min(MOST_SHOWN, max(LEAST_SHOWN, 2 * (facts.latent or 0)))
    sample = sample[:shown]
    held = _positive(told.get("eigenvalues_held_out"))[: len(sample)]
    ends = told.get("held_out_interval")
    pairs = np.array(ends if isinstance(ends, list) else [], dtype=np.float64).reshape(-1, 2)
    if len(pairs) < len(held):
        pairs = np.stack([held, held], axis=1)
    low, high = pairs[: len(held)].T
    live = facts.live if facts.status in ENDED else None
    return Spectrum(sample, held, np.minimum(low, held), np.maximum(high, held), live)


def _positive(values: object) -> Values:
    """The leading values above 0: what a logarithmic scale can show."""
    known = np.array(values if isinstance(values, list) else [], dtype=np.float64)
    bad = np.flatnonzero(~(known > 0))
    return known[: bad[0]] if len(bad) else known


def words(found: Spectrum) -> str:
    """How the figure is read."""
    lived = "" if found.live is None else " No dimension is live at the end."
    if found.live:
        lived = (
            f" As many ranks are shaded as dimensions are live at the end ({found.live}): a young "
            "run has more than there are directions that pay, a nonlinear model may need fewer."
        )
    return (
        "Each dot is a direction of the data. Above the dashed line, the effective beta, storing "
        "it in the code saves more nats than it costs; below it, the prior term wins. Rings are "
        "the same on samples that were not used to find the directions, with 95 % intervals: far "
        f"below the dots, the dots are noise of the sample.{lived}"
    )


def alternative(found: Spectrum) -> str:
    """The figure for someone who cannot see it."""
    largest = number(float(found.sample[0]))
    return (
        f"Falling dots on a logarithmic scale: {counted(found.above, 'eigenvalue')} of "
        f"{len(found.sample)} above the effective beta, the largest {largest} times it."
    )


def draw_spectrum(found: Spectrum, width: int) -> Figure:
    """Dots, rings and the threshold on a logarithmic scale."""
    wide = width > 500
    left, right, below, height = 54, 10, 46, 230
    entries = _placed(found, left if wide else 8, width)
    above = entries[-1].top + 46
    sheet = style.Sheet(width, above + height + below)
    axes = sheet.axes(left, above, width - left - right, height)
    for entry in entries:
        _stroke(sheet, entry)
        sheet.write(entry.left + 26, entry.top, entry.name, 12, va="center")
    if found.live:
        axes.axvspan(0.5, found.live + 0.5, color=style.HELD_OUT, alpha=0.1, linewidth=0)
    axes.axhline(1.0, color=style.ACCENT, linewidth=1.3, linestyle=DASHES)
    _points(axes, found)
    _scale(axes, found)
    style.title(axes, "Eigenvalues", "over the effective beta")
    style.label_x(axes, "direction of the data, strongest first")
    return sheet.figure


def _points(axes: Axes, found: Spectrum) -> None:
    ranks = np.arange(1, len(found.sample) + 1)
    held = ranks[: len(found.held_out)]
    errors = np.stack([found.held_out - found.low, found.high - found.held_out])
    axes.errorbar(
        held,
        found.held_out,
        yerr=errors,
        fmt="o",
        color=style.INK,
        markerfacecolor="none",
        markersize=8,
        markeredgewidth=1.0,
        linewidth=1.0,
        zorder=2,
    )
    lives = found.sample > 1
    for chosen, colour in ((lives, style.HELD_OUT), (~lives, style.TRAIN)):
        axes.plot(ranks[chosen], found.sample[chosen], "o", color=colour, markersize=4.5, zorder=3)


def _scale(axes: Axes, found: Spectrum) -> None:
    """Logarithmic, with the threshold inside and no more than DECADES below it."""
    every = np.concatenate([found.sample, found.high, [1.0]])
    smallest = min(float(np.min(found.sample)), float(np.min(found.low, initial=1.0)))
    low = max(min(smallest, 1.0), 10.0**-DECADES) / 1.6
    high = float(every.max()) * 1.6
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    axes.set_xlim(0.3, max(len(found.sample), found.live or 0) + 0.7)
    axes.yaxis.set_major_locator(FixedLocator(round_numbers(low, high)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(style.plain_ticks())
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))


class Entry(NamedTuple):
    """A stroke and a name of the legend, and their place in CSS pixels."""

    kind: str
    colour: str
    name: str
    left: float = 0.0
    top: float = 12.0


def _placed(found: Spectrum, left: float, width: int) -> list[Entry]:
    """The legend, in as many lines as the width takes."""
    place, line, placed = left, 12.0, []
    for entry in _legend(found):
        across = 44 + 6.6 * len(entry.name)
        if place > left and place + across > width:
            place, line = left, line + 22
        placed.append(entry._replace(left=place, top=line))
        place += across
    return placed


def _legend(found: Spectrum) -> Iterator[Entry]:
    if found.above:
        yield Entry("dot", style.HELD_OUT, "pays for itself")
    if found.above < len(found.sample):
        yield Entry("dot", style.TRAIN, "does not")
    if len(found.held_out):
        yield Entry("ring", style.INK, "on other samples")
    yield Entry("dash", style.ACCENT, "effective beta")
    if found.live:
        yield Entry("band", style.HELD_OUT, f"live at the end: {found.live}")


def _stroke(sheet: style.Sheet, entry: Entry) -> None:
    match entry.kind:
        case "dash":
            look: dict[str, Any] = {"linestyle": DASHES, "linewidth": 1.3}
        case "band":
            look = {"alpha": 0.15, "linewidth": 9, "solid_capstyle": "butt"}
        case "ring":
            look = {"marker": "o", "markerfacecolor": "none", "markersize": 8, "linewidth": 0}
        case _:
            look = {"marker": "o", "markersize": 4.5, "linewidth": 0}
    length = 20 if look["linewidth"] else 0
    sheet.line(entry.left + (20 - length) / 2, entry.top, length, color=entry.colour, **look)
