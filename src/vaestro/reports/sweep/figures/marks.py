"""How a trial is marked in every figure of a sweep, told apart by shape as well as by colour."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from vaestro.reports.figures import style
from vaestro.reports.sweep.facts import SweepFacts, Trial

LETTER = 6.4
"""CSS pixels to a letter of a legend, about."""
LINE = 20
"""CSS pixels to a line of a legend."""


Entry = tuple[str, dict[str, Any]]
"""What a legend says, and the look of the mark or the line before it."""


@dataclass(frozen=True)
class Mark:
    """`kind` of a trial, its words in a legend, and how matplotlib draws it."""

    kind: str
    words: str
    look: dict[str, Any]


def _hollow(marker: str, colour: str, size: float, edge: float = 1.2) -> dict[str, Any]:
    return {
        "marker": marker,
        "markersize": size,
        "markerfacecolor": "none",
        "markeredgecolor": colour,
        "markeredgewidth": edge,
    }


def _filled(marker: str, colour: str, size: float) -> dict[str, Any]:
    return {
        "marker": marker,
        "markersize": size,
        "markerfacecolor": colour,
        "markeredgecolor": "white",
        "markeredgewidth": 0.6,
    }


MARKS = (
    Mark("untrained", "forecast to collapse, never trained", _hollow("v", style.WARNING, 7)),
    Mark("stopped", "stopped while training", _hollow("x", style.WARNING, 5.5)),
    Mark("refused", "ruled out: collapsed, or beyond a limit", _hollow("s", style.QUIET, 5)),
    Mark("finished", "finished", _filled("o", style.TRAIN, 6)),
    Mark("front", "on the front", _filled("o", style.HELD_OUT, 8)),
)
"""In the order in which they are drawn: what matters most comes last and on top."""
BEST = Mark("best", "best", _hollow("o", style.ACCENT, 12, 2.0))


def kind_of(trial: Trial, facts: SweepFacts) -> str:
    """Which mark the trial has. The front of one figure is the best trial alone, which has a ring
    of its own."""
    if len(facts.figures) > 1 and trial.number in facts.front:
        return "front"
    if trial.fate == "finished" and not trial.allowed:
        return "refused"
    return trial.fate


def draw_marks(
    axes: Axes, places: Sequence[tuple[float, float]], kinds: Sequence[str], best: int | None
) -> None:
    """Each trial at its place, the best one with a ring."""
    for mark in MARKS:
        here = [place for place, kind in zip(places, kinds, strict=True) if kind == mark.kind]
        if here:
            x, y = zip(*here, strict=True)
            axes.plot(x, y, linestyle="none", clip_on=False, gid=f"trials-{mark.kind}", **mark.look)
    if best is not None:
        x, y = ((value,) for value in places[best])
        axes.plot(x, y, linestyle="none", clip_on=False, gid="trials-best", **BEST.look)


def entries(kinds: Sequence[str], best: int | None) -> list[Entry]:
    """The marks that a legend must explain with how many trials have them, the most important
    first."""
    off = ", off the front" if "front" in kinds else ""
    words = {mark.kind: mark.words for mark in MARKS} | {"finished": f"finished{off}"}
    counted = ((mark, kinds.count(mark.kind)) for mark in reversed(MARKS))
    told = [(f"{words[mark.kind]} ({count})", mark.look) for mark, count in counted if count]
    return [*([(BEST.words, BEST.look)] if best is not None else []), *told]


def legend(sheet: style.Sheet, left: float, told: Sequence[Entry]) -> None:
    """Marks and their words over a figure, in as many lines as its width asks."""
    places = _places(sheet.width, left, told)
    for (across, down), (words, look) in zip(places, told, strict=True):
        x, y = (across + 8) / sheet.width, 1 - down / sheet.height
        if "marker" in look:
            sheet.figure.add_artist(Line2D([x], [y], linestyle="none", **look))
        else:
            sheet.line(across, down, 18, **look)
        sheet.write(across + 24, down, words, 12, va="center")


def legend_height(width: float, left: float, told: Sequence[Entry]) -> float:
    """The CSS pixels that the legend takes."""
    return _places(width, left, told)[-1][1] + LINE


def _places(width: float, left: float, told: Sequence[Entry]) -> list[tuple[float, float]]:
    places, across, down = [], left, 10.0
    for words, _ in told:
        needed = 24 + LETTER * len(words)
        if across > left and across + needed > width:
            across, down = left, down + LINE
        places.append((across, down))
        across += needed + 16
    return places
