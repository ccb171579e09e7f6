"""One figure of every trial in the order in which they were asked, and the best so far."""

from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure as Drawn
from matplotlib.ticker import MaxNLocator

from vaestro.reports.figures import style
from vaestro.reports.sweep.facts import Figure, SweepFacts
from vaestro.reports.sweep.figures import marks
from vaestro.reports.sweep.figures.frame import aired, clipped, fenced
from vaestro.reports.sweep.labels import titled

SO_FAR: dict[str, Any] = {"color": style.HELD_OUT, "linewidth": 1.5}


@dataclass(frozen=True)
class Trend:
    """places: (number, value) of each trial that has the figure, with its mark. so_far: the best
    value after each trial that improved it, () when none may be best."""

    figure: Figure
    places: tuple[tuple[float, float], ...]
    kinds: tuple[str, ...]
    so_far: tuple[tuple[float, float], ...]
    best: int | None
    last: int


def trend(facts: SweepFacts) -> Trend | None:
    """The trend of a sweep that looks at one figure; None where it looks at several, or where none
    has it."""
    if len(facts.figures) > 1:
        return None
    figure = facts.figures[0]
    found = [(t, value) for t in facts.trials if (value := t.value(figure.name)) is not None]
    if not found:
        return None
    so_far: list[tuple[float, float]] = []
    for trial, value in found:
        counts = trial.fate == "finished" and trial.allowed
        if counts and (not so_far or figure.sign * value < figure.sign * so_far[-1][1]):
            so_far.append((float(trial.number), value))
    numbers = [trial.number for trial, _ in found]
    return Trend(
        figure,
        tuple((float(trial.number), value) for trial, value in found),
        tuple(marks.kind_of(trial, facts) for trial, _ in found),
        tuple(so_far),
        numbers.index(facts.best) if facts.best in numbers else None,
        facts.trials[-1].number,
    )


def draw_trend(found: Trend, width: int) -> Drawn:
    """Marks over the trials' numbers, and a falling or rising line of stairs."""
    entries = marks.entries(found.kinds, found.best)
    entries.append(("best so far", SO_FAR))
    left, right, below, height = 66, 16, 50, 260
    above = marks.legend_height(width, 8, entries) + 10
    sheet = style.Sheet(width, above + height + below)
    marks.legend(sheet, 8, entries)
    axes = sheet.axes(left, above, width - left - right, height)
    values = [value for _, value in found.places]
    limits = aired(*fenced(values, [value for _, value in found.so_far]))
    if found.so_far:
        x, y = zip(*found.so_far, (found.last, found.so_far[-1][1]), strict=True)
        axes.plot(x, y, drawstyle="steps-post", gid="so-far", **SO_FAR)
    shown = [(number, clipped(value, limits)) for number, value in found.places]
    marks.draw_marks(axes, shown, found.kinds, found.best)
    axes.set_xlim(-0.5, found.last + 0.5)
    axes.set_ylim(limits)
    axes.xaxis.set_major_locator(MaxNLocator(8 if width > 500 else 5, integer=True))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(style.plain_ticks())
    style.label_x(axes, "trial")
    style.label_y(axes, titled(found.figure.name))
    return sheet.figure
