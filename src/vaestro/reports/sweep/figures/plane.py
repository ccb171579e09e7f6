"""Two figures of every trial against each other, with the front between them.

Of the data term and the prior term this is the rate-distortion plane (Alemi et al. 2018, "Fixing a
broken ELBO"): rate across, distortion up, and lines of equal ELBO of slope -1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawn
from matplotlib.ticker import MaxNLocator

from vaestro.reports.figures import style
from vaestro.reports.numerals import number
from vaestro.reports.sweep.facts import Figure, SweepFacts
from vaestro.reports.sweep.figures import marks
from vaestro.reports.sweep.figures.frame import aired, clipped, fenced
from vaestro.reports.sweep.labels import titled

TERMS = ("prior_term", "data_term")
"""Rate and distortion."""
EQUAL: dict[str, Any] = {"color": style.TRAIN, "linewidth": 0.8, "linestyle": (0, (4, 3))}
FRONT: dict[str, Any] = {"color": style.HELD_OUT, "linewidth": 1.5}


@dataclass(frozen=True)
class Plane:
    """Trials with both figures: their numbers, places (across, up) and marks.

    `stairs`: the corners of the front's line, () without one. `best`: a place in the tuples.
    """

    across: Figure
    up: Figure
    numbers: tuple[int, ...]
    places: tuple[tuple[float, float], ...]
    kinds: tuple[str, ...]
    stairs: tuple[tuple[float, float], ...]
    best: int | None

    @property
    def equal(self) -> bool:
        """Whether there are lines of equal ELBO."""
        return (self.across.name, self.up.name) == TERMS

    @property
    def limits(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """The frame across and up; the front is always inside."""
        kept = [p for p, kind in zip(self.places, self.kinds, strict=True) if kind == "front"]
        (across, up), held = (
            tuple(zip(*points, strict=True)) or ((), ()) for points in (self.places, kept)
        )
        return aired(*fenced(across, held[0])), aired(*fenced(up, held[1]))

    @property
    def beyond(self) -> int:
        """How many trials lie outside the frame and are drawn at its edge."""
        (left, right), (bottom, top) = self.limits
        return sum(not (left <= x <= right and bottom <= y <= top) for x, y in self.places)


def plane(facts: SweepFacts) -> Plane | None:
    """The plane of the goal's first two figures; of one figure, that of the two terms. None where
    no trial has both."""
    across, up = _figures(facts)
    found = [
        (trial, (x, y))
        for trial in facts.trials
        if (x := trial.value(across.name)) is not None and (y := trial.value(up.name)) is not None
    ]
    if not found:
        return None
    numbers = tuple(trial.number for trial, _ in found)
    places = tuple(place for _, place in found)
    kinds = tuple(marks.kind_of(trial, facts) for trial, _ in found)
    allowed = [p for t, p in found if t.fate == "finished" and t.allowed]
    line = () if len(facts.figures) == 1 else stairs(allowed, (across.sign, up.sign))
    best = numbers.index(facts.best) if facts.best in numbers else None
    return Plane(across, up, numbers, places, kinds, line, best)


def _figures(facts: SweepFacts) -> tuple[Figure, Figure]:
    """Across and up: rate and distortion where the sweep looks at them."""
    up, across = facts.figures[:2] if len(facts.figures) > 1 else _terms()
    return (up, across) if (up.name, across.name) == TERMS else (across, up)


def _terms() -> tuple[Figure, Figure]:
    return Figure("data_term", "minimize"), Figure("prior_term", "minimize")


def stairs(
    places: Sequence[tuple[float, float]], signs: tuple[int, int]
) -> tuple[tuple[float, float], ...]:
    """The corners of the edge of what the places beat, from the best across to the best up.

    `signs`: 1 where less is better, -1 where more is. Between two places of the front nothing
    better than the worse of them is known, so that the line goes around, not straight.
    """
    costs = sorted({(signs[0] * x, signs[1] * y) for x, y in places})
    corners: list[tuple[float, float]] = []
    for x, y in costs:
        if corners and y >= corners[-1][1]:
            continue
        if corners:
            corners.append((x, corners[-1][1]))
        corners.append((x, y))
    return tuple((signs[0] * x, signs[1] * y) for x, y in corners)


def draw_plane(found: Plane, width: int) -> Drawn:
    """Every trial, the front's line, and lines of equal ELBO where the two terms are shown."""
    entries = marks.entries(found.kinds, found.best)
    if found.equal:
        entries.append(("equal ELBO (nats per sample)", EQUAL))
    left, right, below, height = 66, 46, 50, 380 if width > 500 else 300
    above = marks.legend_height(width, 8, entries) + 16
    sheet = style.Sheet(width, above + height + below)
    marks.legend(sheet, 8, entries)
    axes = sheet.axes(left, above, width - left - right, height)
    across, up = found.limits
    axes.set_xlim(across)
    axes.set_ylim(up)
    for axis, count in ((axes.xaxis, 7 if width > 500 else 4), (axes.yaxis, 7)):
        axis.set_major_locator(MaxNLocator(count, steps=[1, 2, 2.5, 5, 10]))
        axis.set_major_formatter(style.plain_ticks())
    if found.equal:
        _draw_equal(axes, across, up)
    if len(found.stairs) > 1:
        x, y = zip(*found.stairs, strict=True)
        axes.plot(x, y, gid="front", **FRONT)
    shown = [(clipped(x, across), clipped(y, up)) for x, y in found.places]
    marks.draw_marks(axes, shown, found.kinds, found.best)
    style.label_x(axes, titled(found.across.name))
    style.label_y(axes, titled(found.up.name))
    return sheet.figure


def _draw_equal(axes: Axes, across: tuple[float, float], up: tuple[float, float]) -> None:
    """Lines of equal data term + prior term, each named where it leaves the frame."""
    least, most = across[0] + up[0], across[1] + up[1]
    totals = MaxNLocator(8, steps=[1, 2, 2.5, 5, 10]).tick_values(least, most)
    for place, total in enumerate(totals):
        start, end = max(across[0], total - up[1]), min(across[1], total - up[0])
        if start >= end:
            continue
        axes.plot(
            (start, end), (total - start, total - end), gid=f"equal-{place}", zorder=0.5, **EQUAL
        )
        if end == across[1]:
            _name(axes, -total, (end, total - end), (4, 0), ha="left", va="center")
        elif start > across[0]:
            _name(axes, -total, (start, total - start), (0, 3), ha="center", va="bottom")
        else:
            _name(axes, -total, (end, up[0]), (3, 2), ha="left", va="bottom")


def _name(
    axes: Axes, elbo: float, place: tuple[float, float], away: tuple[float, float], **how: Any
) -> None:
    text = number(round(elbo)) if float(elbo).is_integer() else number(elbo)
    axes.annotate(
        text,
        place,
        xytext=away,
        textcoords="offset points",
        fontsize=11 * style.POINT,
        color=style.QUIET,
        annotation_clip=False,
        parse_math=False,
        **how,
    )
