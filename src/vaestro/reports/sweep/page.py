"""One self-contained report.html of a sweep: no network, no script, no other file."""

from pathlib import Path

from vaestro.foundation.files import write_text
from vaestro.reports.drawn import drawn
from vaestro.reports.plate import Plate
from vaestro.reports.sweep import glossary, tables, words
from vaestro.reports.sweep.facts import SweepFacts
from vaestro.reports.sweep.figures.catalogue import drawings
from vaestro.reports.template import rendered


def write_sweep_report(facts: SweepFacts) -> Path:
    """Write report.html and pictures/NAME.svg and .png into the sweep's folder; returns the page.

    The same facts give the same bytes.
    """
    page = facts.folder / "report.html"
    plates = drawn(drawings(facts), facts.folder / "pictures")
    write_text(page, render_sweep(facts, plates))
    return page


def render_sweep(facts: SweepFacts, plates: list[Plate]) -> str:
    """The page as HTML; every text that comes from the sweep is escaped."""
    return rendered(
        "sweep.html.j2",
        facts=facts,
        name=facts.name,
        verdict=words.verdict(facts),
        cards=tables.cards(facts),
        plates=plates,
        tables=tables.tables(facts),
        space=tables.space(facts),
        particulars=tables.particulars(facts),
        untold=[one for one in facts.importance if not one.shares],
        glossary=glossary.glossary(facts, {plate.name for plate in plates}),
    )
