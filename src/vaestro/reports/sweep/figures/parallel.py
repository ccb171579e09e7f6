"""Parallel coordinates: every trial as a line through its setting and its figures.

An axis lies across the sheet and the lines run down, so that long names of fields have room.
Letters: T trials, A axes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure as Drawn
from numpy.typing import NDArray

from vaestro.reports.figures import style
from vaestro.reports.sweep.facts import SweepFacts, Trial
from vaestro.reports.sweep.figures.importance import shortened
from vaestro.reports.sweep.figures.scales import Scale, of_field, of_figure
from vaestro.reports.sweep.labels import inside

MOST = 400
"""So many lines stay readable; more trials are thinned evenly, from best to worst."""
FEW = 50
"""More lines than these are drawn thinner."""
ROW = 66
"""CSS pixels from one axis to the next."""
SHADES = LinearSegmentedColormap.from_list(
    "vaestro", matplotlib.colormaps["cividis"](np.linspace(0.0, 0.88, 32))
)
"""Dark blue to pale yellow: an order that survives colour blindness and print."""


@dataclass(frozen=True)
class Parallel:
    """numbers: (T), of the trials from the best to the worst. scales: (A), fields before figures.
    shades: (T,), the ranks in the first figure, 0 the best and 1 the worst, NaN for what was not
    trained to its end. best: a place among them."""

    numbers: tuple[int, ...]
    scales: tuple[Scale, ...]
    shades: NDArray[np.float64]
    best: int | None
    figure: str
    left_out: int


def parallel(facts: SweepFacts) -> Parallel | None:
    """The lines of all trials with a known first figure; None without two of them."""
    first = facts.figures[0]
    known = [trial for trial in facts.trials if trial.value(first.name) is not None]
    if len(known) < 2:
        return None
    ordered = sorted(known, key=lambda trial: first.sign * (trial.value(first.name) or 0.0))
    shown = _thinned(ordered, facts.best)
    ranks = np.linspace(0.0, 1.0, len(shown))
    fields = (of_field(axis, shown, ranks) for axis in facts.axes)
    figures = (of_figure(figure, shown) for figure in facts.figures)
    shades = _shades(shown)
    numbers = tuple(trial.number for trial in shown)
    best = numbers.index(facts.best) if facts.best in numbers else None
    left_out = len(known) - len(shown)
    return Parallel(numbers, (*fields, *figures), shades, best, first.name, left_out)


def _shades(ordered: Sequence[Trial]) -> NDArray[np.float64]:
    """The ranks of those that finished, from 0 to 1: one that is far out costs no colours."""
    finished = np.array([trial.fate == "finished" for trial in ordered])
    shades = np.full(len(ordered), np.nan)
    shades[finished] = np.linspace(0.0, 1.0, int(finished.sum()))
    return shades


def _thinned(ordered: Sequence[Trial], best: int | None) -> list[Trial]:
    """At most MOST of the trials, evenly from best to worst, the best one among them."""
    if len(ordered) <= MOST:
        return list(ordered)
    kept = set(np.linspace(0, len(ordered) - 1, MOST - 1).round().astype(int).tolist())
    return [t for place, t in enumerate(ordered) if place in kept or t.number == best]


def draw_parallel(found: Parallel, width: int) -> Drawn:
    """The worst first, the best on top in its own colour."""
    names = 190 if width > 500 else 112
    above, below = 52, 34
    height = ROW * (len(found.scales) - 1)
    sheet = style.Sheet(width, above + height + below)
    _key(sheet, found)
    axes = sheet.axes(names, above, width - names - 22, height)
    axes.set_axis_off()
    axes.set_xlim(0, 1)
    axes.set_ylim(len(found.scales) - 1, 0)
    _draw_lines(axes, found)
    for row, scale in enumerate(found.scales):
        axes.plot((0, 1), (row, row), color=style.QUIET, linewidth=0.9, clip_on=False, zorder=5)
        _draw_ticks(axes, scale, row)
        _draw_name(sheet, scale, above + ROW * row, names)
    return sheet.figure


def _draw_lines(axes: Axes, found: Parallel) -> None:
    rows = np.arange(len(found.scales), dtype=float)
    lines = np.stack([scale.places for scale in found.scales], 1)  # (T, A)
    order = np.argsort(-np.nan_to_num(found.shades, nan=2.0), kind="stable")
    paths = [np.stack([lines[place], rows], 1) for place in order if place != found.best]
    shades = [found.shades[place] for place in order if place != found.best]
    colours = [style.WARNING if np.isnan(shade) else SHADES(shade) for shade in shades]
    dashes = [(0, (2, 3)) if np.isnan(shade) else "-" for shade in shades]
    axes.add_collection(
        LineCollection(
            paths,
            colors=colours,
            linestyles=dashes,
            linewidths=1.0 if len(paths) <= FEW else 0.7,
            alpha=0.75 if len(paths) <= FEW else 0.55,
            clip_on=False,
            gid="lines",
        )
    )
    if found.best is not None:
        axes.plot(
            lines[found.best],
            rows,
            color=style.ACCENT,
            linewidth=2.6,
            clip_on=False,
            gid="best",
            zorder=6,
        )


def _draw_ticks(axes: Axes, scale: Scale, row: int) -> None:
    for place, text in scale.ticks:
        axes.plot(
            (place,), (row,), marker="|", markersize=6, color=style.QUIET, clip_on=False, zorder=5
        )
        axes.annotate(
            text,
            (place, row),
            xytext=(0, -5),
            textcoords="offset points",
            ha="center",
            va="top",
            fontsize=11 * style.POINT,
            color=style.INK,
            annotation_clip=False,
            parse_math=False,
            zorder=7,
            bbox={"facecolor": "#fefefc", "edgecolor": "none", "alpha": 0.8, "pad": 0.6},
        )


def _draw_name(sheet: style.Sheet, scale: Scale, middle: float, names: float) -> None:
    """The last part of a field's name in bold, what comes before it and the hint below."""
    before, _, last = scale.name.rpartition(".")
    letters = int(names / 6.6)
    small = [part for part in (shortened(before, letters), *_split(scale.hint, letters)) if part]
    top = middle - 8 - 7 * len(small)
    sheet.write(0, top, shortened(last, letters), 13, color=style.INK, fontweight="bold")
    for place, text in enumerate(small):
        sheet.write(0, top + 17 + 14 * place, text, 11)


def _split(hint: str, letters: int) -> list[str]:
    return [hint] if len(hint) <= letters else hint.split(", ")


def _key(sheet: style.Sheet, found: Parallel) -> None:
    """What the colours mean, over the axes."""
    strip = sheet.axes(0, 6, 60, 9)
    strip.imshow(np.linspace(0, 1, 64)[None], cmap=SHADES, aspect="auto", interpolation="none")
    strip.set_axis_off()
    words = f"{inside(found.figure)}, best to worst"
    sheet.write(68, 10, words, 12, va="center")
    left = 68 + 6.6 * len(words) + 18
    entries = [("best", {"color": style.ACCENT, "linewidth": 2.6})] * (found.best is not None)
    dotted = {"color": style.WARNING, "linewidth": 1.2, "linestyle": (0, (2, 3))}
    entries += [("pruned", dotted)] * bool(np.isnan(found.shades).any())
    for text, look in entries:
        sheet.line(left, 10, 18, **look)
        sheet.write(left + 24, 10, text, 12, va="center")
        left += 24 + 6.6 * len(text) + 14
