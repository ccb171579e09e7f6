"""One self-contained report.html of a study: no network, no script, no other file."""

from pathlib import Path

from vaestro.foundation.files import write_text
from vaestro.reports.drawn import drawn
from vaestro.reports.plate import Plate
from vaestro.reports.study import glossary, tables, words
from vaestro.reports.study.facts import StudyFacts
from vaestro.reports.study.figures.catalogue import drawings
from vaestro.reports.template import rendered


def write_study_report(facts: StudyFacts) -> Path:
    """Write report.html and pictures/NAME.svg and .png into the study's folder; returns the page.

    The same facts give the same bytes.
    """
    page = facts.folder / "report.html"
    plates = drawn(drawings(facts), facts.folder / "pictures")
    write_text(page, render_study(facts, plates))
    return page


def render_study(facts: StudyFacts, plates: list[Plate]) -> str:
    """The page as HTML; every text that comes from the study is escaped."""
    return rendered(
        "study.html.j2",
        facts=facts,
        name=facts.name,
        verdict=words.verdict(facts),
        answer=words.answer(facts),
        cards=tables.cards(facts),
        plates=plates,
        columns=tables.columns(facts),
        cells=tables.cells(facts),
        runs=tables.runs(facts),
        comparisons=tables.comparisons(facts),
        glossary=glossary.glossary(facts),
    )
