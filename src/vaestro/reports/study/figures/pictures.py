"""What the median run of each cell makes: reconstructions and samples, a row for each cell."""

from vaestro.reports.figures.run_rows import Row, row_of, without_repeats
from vaestro.reports.study.facts import Cell, Run, StudyFacts
from vaestro.reports.sweep.labels import inside, value

MOST = 24
"""So many cells have a row, the first ones of the grid."""


def rows(facts: StudyFacts) -> list[Row]:
    """The rows of the cells whose median run's folder holds pictures."""
    made = [_row(cell, facts) for cell in facts.cells[:MOST]]
    return list(without_repeats([row for row in made if row is not None]))


def median(cell: Cell, name: str) -> Run | None:
    """The run whose figure is in the middle, the lower of two; the first run where none has it."""
    known = sorted(
        (v, place) for place, run in enumerate(cell.runs) if (v := run.value(name)) is not None
    )
    if known:
        return cell.runs[known[(len(known) - 1) // 2][1]]
    return cell.runs[0] if cell.runs else None


def _row(cell: Cell, facts: StudyFacts) -> Row | None:
    run = median(cell, facts.figures[0].name)
    if run is None or run.run is None:
        return None
    ended = run.word.replace("_", " ")
    title = f"{cell.label}: {ended}"
    figures = ", ".join(
        f"{inside(f.name)} {value(f.name, run.value(f.name))}" for f in facts.figures
    )
    return row_of(run.run, title, f"seed {run.seed}: {figures}")
