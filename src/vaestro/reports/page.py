"""One self-contained report.html from a run folder: no network, no script, no other file."""

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from vaestro.foundation.files import write_bytes, write_text
from vaestro.reports import advice, glossary, tables, words
from vaestro.reports.facts import RunFacts, read_facts
from vaestro.reports.findings import findings
from vaestro.reports.outlook import outlook
from vaestro.runs.folder import RunFolder


@dataclass(frozen=True)
class Plate:
    """A drawn figure on the page: one SVG for a wide screen, one for a phone."""

    name: str
    heading: str
    alt: str
    caption: str
    wide: Markup
    narrow: Markup


def write_report(folder: Path) -> Path:
    """Write report.html and pictures/NAME.svg and .png from what is in `folder`; returns the page.

    The same folder gives the same bytes. Raises RunFolderError for a folder that is no run.
    """
    facts = read_facts(folder)
    paths = RunFolder(facts.folder)
    write_text(paths.report, render_page(facts, _plates(facts, paths.pictures)))
    return paths.report


def render_page(facts: RunFacts, plates: list[Plate]) -> str:
    """The page as HTML; every text that comes from the folder is escaped."""
    source = resources.files("vaestro.reports") / "page"
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    template = environment.from_string((source / "report.html.j2").read_text(encoding="utf-8"))
    style = (source / "report.css").read_text(encoding="utf-8")
    where, _ = tables.measured_on(facts)
    return template.render(
        facts=facts,
        style=Markup(style),  # our own file, no text from the run
        verdict=advice.verdict(facts),
        where=where,
        cards=tables.cards(facts),
        findings=findings(facts),
        outlook=outlook(facts),
        plates={plate.name: plate for plate in plates},
        splits=[name for name, _ in tables.splits(facts)],
        rows=tables.table(facts),
        particulars=tables.particulars(facts),
        readings=words.readings(facts),
        glossary=glossary.glossary(facts.stochastic, bool(facts.evaluation.get("conditioning"))),
    )


def _plates(facts: RunFacts, pictures: Path) -> list[Plate]:
    """Draw every figure for both screens; the wide one also goes to pictures/."""
    # matplotlib takes a while to import, and who only renders words needs none of it
    from vaestro.reports.figures import render, style
    from vaestro.reports.figures.catalogue import drawings

    plates = []
    for drawing in drawings(facts):
        figure = drawing.draw(style.WIDE)
        svg = render.to_svg(figure)
        write_text(pictures / f"{drawing.name}.svg", svg)
        write_bytes(pictures / f"{drawing.name}.png", render.to_png(figure))
        phone = render.to_svg(drawing.draw(style.NARROW))
        plates.append(
            Plate(
                drawing.name,
                drawing.heading,
                drawing.alt,
                drawing.caption,
                Markup(render.inlined(svg, drawing.name)),  # matplotlib escaped its texts
                Markup(render.inlined(phone, f"{drawing.name}-phone")),
            )
        )
    return plates
