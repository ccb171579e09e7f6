"""The figures of a study over its cells: every run, and beside them their mean and its interval."""

import textwrap
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawn
from matplotlib.ticker import MaxNLocator

from vaestro.reports.figures import style
from vaestro.reports.figures.scales import spread_out
from vaestro.reports.study.facts import Mean, StudyFacts
from vaestro.reports.study.figures.layout import Layout, layout
from vaestro.reports.sweep.facts import Figure
from vaestro.reports.sweep.figures import marks
from vaestro.reports.sweep.labels import label, unit

LEFT, RIGHT, TOP, TALL, BETWEEN = 60, 12, 34, 190, 28
"""CSS pixels: beside and over a panel, its height, between two columns."""
LETTER, LINE, FOOT = 6.6, 15, 34
"""CSS pixels: a letter and a line of a tick's text, and what else lies under a panel."""
DOTS, MEAN, APART = -5.0, 5.0, 16.0
"""CSS pixels from a cell's place: its dots, its mean; and from one group to the next."""
REACH = 0.35
"""An interval may lengthen a panel by so much of the dots' span on each side."""


@dataclass(frozen=True)
class Spot:
    """A cell in a panel: its place from 0 to 1, its group, its runs' values with whether each died,
    and their mean."""

    place: float
    group: int
    values: tuple[tuple[float, bool], ...]
    mean: Mean | None


@dataclass(frozen=True)
class Panel:
    """One figure over all cells."""

    figure: Figure
    spots: tuple[Spot, ...]


@dataclass(frozen=True)
class Seeds:
    """The panels of a study, and where its cells stand in each."""

    layout: Layout
    panels: tuple[Panel, ...]

    @property
    def dead(self) -> int:
        """How many of the dots are runs that died."""
        return sum(dead for spot in self.panels[0].spots for _, dead in spot.values)


def seeds(facts: StudyFacts) -> Seeds | None:
    """The panels of the figures that some run has; None where no run has any."""
    if not facts.cells:
        return None
    where = layout(facts)
    made = [Panel(figure, _spots(facts, where, figure.name)) for figure in facts.figures]
    known = tuple(panel for panel in made if any(spot.values for spot in panel.spots))
    return Seeds(where, known) if known else None


def _spots(facts: StudyFacts, where: Layout, name: str) -> tuple[Spot, ...]:
    return tuple(
        Spot(
            place,
            group,
            tuple((v, run.dead) for run in cell.runs if (v := run.value(name)) is not None),
            cell.means.get(name),
        )
        for (place, group), cell in zip(where.places, facts.cells, strict=True)
    )


def draw_seeds(found: Seeds, width: int) -> Drawn:
    """The panels, two beside each other on a wide sheet."""
    columns = min(2 if width > 500 else 1, len(found.panels))
    wide = (width - BETWEEN * (columns - 1)) / columns - LEFT - RIGHT
    words = _ticks(found.layout, wide)
    block = TOP + TALL + FOOT + LINE * max(text.count("\n") + 1 for _, text in words)
    entries = _entries(found)
    above = marks.legend_height(width, 8, entries) + 4
    rows = -(-len(found.panels) // columns)
    sheet = style.Sheet(width, above + rows * block)
    marks.legend(sheet, 8, entries)
    for place, panel in enumerate(found.panels):
        row, column = divmod(place, columns)
        left = LEFT + column * (LEFT + wide + RIGHT + BETWEEN)
        axes = sheet.axes(left, above + row * block + TOP, wide, TALL)
        _draw(axes, panel, found.layout, wide)
        axes.set_xticks([at for at, _ in words], [text for _, text in words])
    return sheet.figure


def _ticks(where: Layout, wide: float) -> list[tuple[float, str]]:
    """The texts under a panel, in lines as long as their part of the axis; where they would be too
    near each other, the next ones go unsaid."""
    told: list[tuple[float, str]] = []
    letters = max(4, int(wide / len(where.ticks) / LETTER))
    free = 0.0
    for at, text in sorted(where.ticks):
        lines = textwrap.wrap(text, letters) or [""]
        half = LETTER * max(map(len, lines)) / 2
        if at * wide - half >= free:
            told.append((at, "\n".join(lines)))
            free = at * wide + half + 4
    return told


def _colour(found: Layout, group: int) -> str:
    return style.CLASSES[group % len(style.CLASSES)] if found.groups else style.HELD_OUT


def _entries(found: Seeds) -> list[marks.Entry]:
    groups = [
        (text, {"marker": "o", "markersize": 7, "color": _colour(found.layout, group)})
        for group, text in enumerate(found.layout.groups)
    ]
    plain = style.QUIET if groups else style.HELD_OUT
    told: list[marks.Entry] = [*groups, ("a run", _dot(plain))]
    if found.dead:
        told.append(("a run that died", _cross()))
    told.append(("mean", _mean(plain)))
    if any(spot.mean and spot.mean.half for panel in found.panels for spot in panel.spots):
        told.append(("its interval", {"color": plain, "linewidth": 2}))
    return told


def _dot(colour: str) -> dict[str, Any]:
    return {
        "marker": "o",
        "markersize": 4.5,
        "markerfacecolor": "none",
        "markeredgecolor": colour,
        "markeredgewidth": 1.1,
    }


def _cross() -> dict[str, Any]:
    return {
        "marker": "x",
        "markersize": 5,
        "markeredgecolor": style.WARNING,
        "markeredgewidth": 1.4,
    }


def _mean(colour: str) -> dict[str, Any]:
    return {
        "marker": "D",
        "markersize": 5.5,
        "markerfacecolor": colour,
        "markeredgecolor": "white",
        "markeredgewidth": 0.6,
    }


def _draw(axes: Axes, panel: Panel, where: Layout, wide: float) -> None:
    name = panel.figure.name
    axes.set_label(name)
    style.title(axes, label(name), unit(name))
    style.label_x(axes, f"{where.name} (logarithmic)" if where.log else where.name)
    axes.set_xlim(0, 1)
    _scale(axes, panel)
    _lines(axes, panel, where, wide)
    for spot in panel.spots:
        _spot(axes, spot, _colour(where, spot.group), _shift(where, spot, wide), wide)
    axes.yaxis.set_major_formatter(style.plain_ticks())


def _shift(where: Layout, spot: Spot, wide: float) -> float:
    """The spot's place, moved aside so that its group stands beside the others."""
    count = max(1, len(where.groups))
    apart = min(APART, 0.8 * wide / max(1, len(where.ticks)) / count)
    return spot.place + (spot.group - (count - 1) / 2) * apart / wide


def _spot(axes: Axes, spot: Spot, colour: str, place: float, wide: float) -> None:
    for value, dead in spot.values:
        look = _cross() if dead else _dot(colour)
        gid = _named(axes, "died" if dead else "run")
        axes.plot([place + DOTS / wide], [value], linestyle="none", gid=gid, **look)
    if spot.mean is None:
        return
    at = place + MEAN / wide
    low, high = axes.get_ylim()
    if spot.mean.half is not None:
        ends = [
            max(spot.mean.value - spot.mean.half, low),
            min(spot.mean.value + spot.mean.half, high),
        ]
        axes.plot([at, at], ends, color=colour, linewidth=2, gid=_named(axes, "interval"))
    axes.plot([at], [spot.mean.value], linestyle="none", gid=_named(axes, "mean"), **_mean(colour))


def _named(axes: Axes, kind: str) -> str:
    """A name for the next line of `axes` that no other one in the figure has."""
    return f"{kind}-{axes.get_label()}-{len(axes.lines)}"


def _lines(axes: Axes, panel: Panel, where: Layout, wide: float) -> None:
    """The means of a group joined along an axis of numbers."""
    if not where.numeric:
        return
    for group in range(max(1, len(where.groups))):
        known = sorted(
            (_shift(where, spot, wide) + MEAN / wide, spot.mean.value)
            for spot in panel.spots
            if spot.group == group and spot.mean is not None
        )
        if known:
            x, y = zip(*known, strict=True)
            name = _named(axes, "line")
            axes.plot(x, y, color=_colour(where, group), linewidth=1, alpha=0.45, gid=name)


def _scale(axes: Axes, panel: Panel) -> None:
    """The vertical scale of the dots, lengthened by intervals that do not reach too far."""
    values = [value for spot in panel.spots for value, _ in spot.values]
    spread_out(axes, values, values)
    if not unit(panel.figure.name) and axes.get_yscale() == "linear":
        axes.set_ylim(style.together(values, 2.0))
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    over = axes.transScale + axes.transLimits
    ends = [
        spot.mean.value + sign * spot.mean.half
        for spot in panel.spots
        if spot.mean is not None and spot.mean.half is not None
        for sign in (-1, 1)
    ]
    shares = [float(over.transform((0.5, end))[1]) for end in ends]
    known = [share for share in shares if np.isfinite(share)]
    low = max(-REACH, min([0.0, *(share - 0.03 for share in known)]))
    high = min(1 + REACH, max([1.0, *(share + 0.03 for share in known)]))
    bottom, top = (float(over.inverted().transform((0.5, end))[1]) for end in (low, high))
    axes.set_ylim(bottom, top)


def cut(found: Seeds) -> bool:
    """Whether an interval may reach beyond its panel."""
    for panel in found.panels:
        values = [value for spot in panel.spots for value, _ in spot.values]
        span = max(values) - min(values)
        for spot in panel.spots:
            if spot.mean is not None and (spot.mean.half or 0.0) > REACH * span > 0:
                return True
    return False
