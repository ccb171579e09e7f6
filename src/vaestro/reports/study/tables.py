"""The numbers of a study as cards, as a table of cells, of runs and of comparisons."""

from collections.abc import Iterator
from dataclasses import dataclass

from vaestro.reports.numerals import NONE, duration, number
from vaestro.reports.study.facts import Cell, Comparison, StudyFacts
from vaestro.reports.study.words import mean
from vaestro.reports.sweep.facts import Figure
from vaestro.reports.sweep.labels import better, inside, label, unit, value
from vaestro.reports.sweep.tables import term
from vaestro.reports.tables import Card

TINY = 1e-4
"""A smaller p value is not worth its digits."""


@dataclass(frozen=True)
class Row:
    """A line: its head, and the cells after it. `marked` are the places of cells that are the best
    of their column; `dead`: it came to nothing."""

    head: str
    cells: tuple[str, ...]
    marked: frozenset[int] = frozenset()
    dead: bool = False


def cards(facts: StudyFacts) -> list[Card]:
    """How many runs there are, how many died, and the best cell by the first two figures."""
    so_far = f"of {facts.wanted}" if facts.ended < facts.wanted else f"{len(facts.cells)} cells"
    spent = f"in {duration(facts.seconds)} of training" if facts.seconds else ""
    made = [
        Card("Runs", number(facts.ended), so_far, spent, "cell"),
        Card("Died", number(facts.dead), f"of {facts.ended} runs", _where(facts), "died"),
    ]
    return [*made, *(_card(facts, figure) for figure in facts.figures[:2])]


def _where(facts: StudyFacts) -> str:
    lost = [cell for cell in facts.cells if cell.dead]
    if len(lost) == 1:
        return f"with {lost[0].label}"
    return f"in {len(lost)} of {len(facts.cells)} cells" if lost else ""


def _card(facts: StudyFacts, figure: Figure) -> Card:
    best = facts.best(figure)
    known = None if best is None else facts.cells[best].means[figure.name].value
    note = "no run yet" if best is None else f"best: {facts.cells[best].label}"
    name = figure.name
    return Card(label(name), number(known), unit(name), f"{note}; {better(figure)}", term(name))


def columns(facts: StudyFacts) -> list[tuple[str, str]]:
    """Each figure's name and unit."""
    return [(label(figure.name), unit(figure.name)) for figure in facts.figures]


def cells(facts: StudyFacts) -> list[Row]:
    """A line for each cell: its runs, its means, its verdicts."""
    best = [facts.level(figure) for figure in facts.figures]
    rows = []
    for place, cell in enumerate(facts.cells):
        means = (mean(cell.means.get(figure.name)) for figure in facts.figures)
        marked = frozenset(column + 1 for column, one in enumerate(best) if place in one)
        told = (number(len(cell.runs)), *means, verdicts(cell))
        rows.append(Row(cell.label, told, marked, not cell.alive))
    return rows


def verdicts(cell: Cell) -> str:
    """How its runs ended: 3 healthy, 1 collapsed."""
    words = cell.words().items()
    return ", ".join(f"{count} {word.replace('_', ' ')}" for word, count in words)


def runs(facts: StudyFacts) -> list[Row]:
    """A line for each run."""
    rows = []
    for cell in facts.cells:
        for run in cell.runs:
            figures = (value(f.name, run.value(f.name)) for f in facts.figures)
            ended = run.word.replace("_", " ") + (f": {run.reason}" if run.reason else "")
            told = (number(run.seed), number(run.trial), *figures, ended)
            rows.append(Row(cell.label, told, dead=run.dead))
    return rows


def comparisons(facts: StudyFacts) -> list[tuple[str, list[Row]]]:
    """For each figure the differences of all pairs of cells, the surest first."""
    return [
        (_titled(figure), list(_pairs(facts, facts.of(figure.name))))
        for figure in facts.figures
        if facts.of(figure.name)
    ]


def _titled(figure: Figure) -> str:
    return f"Differences in {inside(figure.name)}"


def _pairs(facts: StudyFacts, found: list[Comparison]) -> Iterator[Row]:
    for one in sorted(found, key=lambda one: 2.0 if one.p is None else one.p):
        head = f"{facts.cells[one.one].label} against {facts.cells[one.other].label}"
        half = "" if one.half is None else f" ± {number(one.half)}"
        yield Row(
            head,
            (f"{number(one.difference)}{half}", _p(one.p), _p(one.adjusted), _told(one)),
        )


def _p(p: float | None) -> str:
    if p is None:
        return NONE
    return f"< {TINY:.4f}" if p < TINY else f"{p:.2g}" if p >= 0.001 else f"{p:.4f}"


def _told(one: Comparison) -> str:
    if one.adjusted is None:
        return "not tested"
    return "yes" if one.apart else "no"
