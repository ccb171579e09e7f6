"""The cells of a study as a table on a terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from vaestro.reports.study.means import told
from vaestro.studies.cells import Cell

SHORT = {
    "live_dimensions": "live",
    "mutual_information": "mutual inf.",
    "prior_mismatch": "mismatch",
}
"""Figures whose names would make a column wide."""


WIDTH = 100
"""Columns of text where there is no terminal to say how many there are."""


def print_cells(console: Console, found: Sequence[Cell], figures: Sequence[str]) -> None:
    """Print a line for each cell; nothing where there is none."""
    if not found:
        return
    wide = console if console.is_terminal else Console(file=console.file, width=WIDTH)
    wide.print(table_of(found, figures))


def table_of(found: Sequence[Cell], figures: Sequence[str]) -> Table:
    """A line for each cell: its runs, its means with intervals, its verdicts."""
    shown = Table(box=None, pad_edge=False)
    shown.add_column("cell", overflow="fold", max_width=28)
    shown.add_column("runs", justify="right", no_wrap=True)
    for name in figures:
        shown.add_column(SHORT.get(name, name), justify="right")
    shown.add_column("verdicts", overflow="fold", max_width=24)
    for cell in found:
        means = [told(cell.means[name]) if name in cell.means else "" for name in figures]
        words = ", ".join(f"{count} {word}" for word, count in cell.verdicts.items())
        shown.add_row(cell.label, str(len(cell.trials)), *means, words)
    return shown
