"""One self-contained report.html from a run folder: no network, no script, no other file."""

from pathlib import Path

from vaestro.foundation.files import write_text
from vaestro.reports import advice, glossary, tables, words
from vaestro.reports.evaluation import sections
from vaestro.reports.facts import RunFacts, read_facts
from vaestro.reports.findings import findings
from vaestro.reports.outlook import outlook
from vaestro.reports.plate import Plate
from vaestro.reports.template import rendered
from vaestro.runs.folder import RunFolder


def write_report(folder: Path) -> Path:
    """Write report.html and pictures/NAME.svg and .png from what is in `folder`; returns the page.

    The same folder gives the same bytes. Raises RunFolderError for a folder that is no run.
    """
    # matplotlib takes a while to import, and who only renders words needs none of it
    from vaestro.reports.drawn import drawn
    from vaestro.reports.figures.catalogue import drawings

    facts = read_facts(folder)
    paths = RunFolder(facts.folder)
    write_text(paths.report, render_page(facts, drawn(drawings(facts), paths.pictures)))
    return paths.report


def render_page(facts: RunFacts, plates: list[Plate]) -> str:
    """The page as HTML; every text that comes from the folder is escaped."""
    where, _ = tables.measured_on(facts)
    return rendered(
        "report.html.j2",
        facts=facts,
        name=facts.name,
        verdict=advice.verdict(facts),
        where=where,
        cards=tables.cards(facts),
        findings=findings(facts),
        outlook=outlook(facts),
        plates={plate.name: plate for plate in plates},
        splits=[name for name, _ in tables.splits(facts)],
        rows=tables.table(facts),
        evaluated=sections(facts.evaluation),
        particulars=tables.particulars(facts),
        readings=words.readings(facts),
        glossary=glossary.glossary(facts.stochastic, bool(facts.evaluation.get("conditioning"))),
    )
