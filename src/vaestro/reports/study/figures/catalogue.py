"""Which figures a study can show, each with its words."""

from collections.abc import Iterator
from functools import partial

from vaestro.reports.figures.catalogue import NOTES
from vaestro.reports.figures.drawing import Drawing
from vaestro.reports.figures.run_rows import Row, draw_rows
from vaestro.reports.numerals import counted
from vaestro.reports.study.facts import StudyFacts
from vaestro.reports.study.figures import pictures
from vaestro.reports.study.figures.seeds import Seeds, cut, draw_seeds, seeds
from vaestro.reports.study.words import listed
from vaestro.reports.sweep.labels import inside


def drawings(facts: StudyFacts) -> Iterator[Drawing]:
    """The figures of the study in the order of the page; what has no numbers is left out."""
    found = seeds(facts)
    if found is not None:
        yield _seeds(found, facts)
    shown = pictures.rows(facts)
    if shown:
        yield _pictures(shown, facts)


def _seeds(found: Seeds, facts: StudyFacts) -> Drawing:
    names = listed([inside(panel.figure.name) for panel in found.panels])
    line = " A line joins the means." if found.layout.numeric else ""
    beyond = " An interval that ends at the edge goes on beyond it." if cut(found) else ""
    return Drawing(
        "seeds",
        "Every run",
        f"{names[0].upper()}{names[1:]} of {counted(facts.ended, 'run')} in "
        f"{counted(len(facts.cells), 'cell')} over {found.layout.name}, with means and intervals; "
        f"{facts.dead} died.",
        "Each ring is a run, one for each seed; beside the rings of a cell stand their mean and "
        f"its 95 % interval.{line}{beyond}",
        partial(draw_seeds, found),
    )


def _pictures(shown: list[Row], facts: StudyFacts) -> Drawing:
    first = inside(facts.figures[0].name)
    missing = len(facts.cells) - len(shown)
    fewer = f" {counted(missing, 'cell')} {'has' if missing == 1 else 'have'} no row here."
    return Drawing(
        "pictures",
        "What each cell makes",
        f"{counted(len(shown), 'row')} of pictures, one for each cell: reconstructions of held-out "
        "data, and new samples.",
        f"Each row is the run of its cell with the median {first}, also where it died. "
        "Reconstructions are decoded from the mean of each code, samples from draws of the prior."
        f"{NOTES.get(shown[0].look.kind, '')}{fewer if missing else ''}",
        partial(draw_rows, shown),
    )
