"""The doctor before the gallery: one row an entry, and the table as text and as Markdown."""

import time
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import vaestro
from tests.gallery.entry import Case, Entry, Facts
from tests.gallery.measure import measured

COLUMNS = ("model", "right name", "verdict", "first finding", "right")


@dataclass(frozen=True)
class Row:
    """What the doctor said of one entry, and whether the entry is what it claims to be.

    `seconds` are those of the training alone, `doctor_seconds` those of `vaestro.diagnose`.
    """

    entry: Entry
    verdict: str
    first: str | None
    more: tuple[str, ...]
    facts: Facts
    genuine: bool
    seconds: float
    doctor_seconds: float

    @property
    def right(self) -> bool:
        return self.entry.right(self.verdict, self.first)

    def cells(self) -> tuple[str, ...]:
        """The row's text, one for each of COLUMNS."""
        wanted = " or ".join(sorted(self.entry.kinds)) or "healthy"
        found = self.first or "none"
        return self.entry.name, wanted, self.verdict, found, "yes" if self.right else "NO"


def examined(entries: Iterable[Entry]) -> Iterator[Row]:
    """Trains each entry, measures it and shows it to the doctor."""
    for entry in entries:
        began = time.process_time()
        case = entry.made()
        seconds = time.process_time() - began
        facts = measured(case)
        genuine = entry.effect(case, facts)
        began = time.process_time()
        verdict, kinds = asked(case)
        spent = time.process_time() - began
        first = kinds[0] if kinds else None
        yield Row(entry, verdict, first, kinds[1:], facts, genuine, seconds, spent)


def asked(case: Case) -> tuple[str, tuple[str, ...]]:
    """The verdict and the kinds of the findings; a doctor that fails is wrong, not fatal."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            diagnosis = vaestro.diagnose(**case)
        except Exception as error:
            return f"{type(error).__name__}: {error}".replace("\n", " ")[:80], ()
    return diagnosis.verdict, tuple(finding.kind for finding in diagnosis.findings)


def as_text(rows: Iterable[Row]) -> str:
    """A table to print."""
    lines = [COLUMNS, *(row.cells() for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(COLUMNS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def as_markdown(bugs: list[Row], healthy: list[Row]) -> str:
    """benchmarks/results/doctor.md: both tables, with the counts above them."""
    named, alarms = sum(row.right for row in bugs), sum(not row.right for row in healthy)
    seconds = sum(row.seconds for row in [*bugs, *healthy])
    doctor = sum(row.doctor_seconds for row in [*bugs, *healthy])
    return "\n".join(
        [
            "# The doctor before the gallery",
            "",
            "Written by `python -m tests.gallery`. A name counts as right when the first finding "
            "and the verdict both are. The doctor has been mended on these models: what it said "
            "of them at first, unseen, is in [doctor-blind.md](doctor-blind.md). The last four of "
            "each table came later.",
            "",
            f"- Planted bugs named rightly: {named} of {len(bugs)}.",
            f"- False alarms on healthy models: {alarms} of {len(healthy)}.",
            f"- Training of all models: {seconds:.0f} s of processor time; all diagnoses: "
            f"{doctor:.0f} s.",
            *("", "## Planted bugs", "", *markdown(bugs)),
            *("", "## Healthy models", "", *markdown(healthy), ""),
        ]
    )


def markdown(rows: list[Row]) -> list[str]:
    lines = [COLUMNS, ("---",) * len(COLUMNS), *(row.cells() for row in rows)]
    return ["| " + " | ".join(line) + " |" for line in lines]
