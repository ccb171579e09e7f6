"""The words of a study's page."""

from vaestro.reports.glossary import ENTRIES, Entry
from vaestro.reports.study.facts import StudyFacts
from vaestro.reports.sweep.glossary import OF_FIGURES
from vaestro.reports.sweep.tables import term

OF_STUDIES = (
    Entry(
        "cell",
        "cell",
        "One setting of the varied fields. It is trained once with each seed: these runs differ in "
        "their first weights, in the order of the data and in every other draw.",
    ),
    Entry(
        "died",
        "died",
        "A run that came to nothing: its verdict is collapsed, exploding or dead output, or it "
        "failed. A cell most of whose runs died does not live and is never called the best.",
    ),
    Entry(
        "interval",
        "interval",
        "The number after ±. In 95 of 100 studies the mean over many more seeds would lie within "
        "so much of the mean shown (Student's t). Few seeds make it long.",
    ),
    Entry(
        "difference",
        "larger than chance",
        "Two cells differ by more than the spread of their seeds explains: Welch's t test at 5 %, "
        "after Holm's correction, which keeps to 5 % the risk of even one false difference among "
        "all pairs of cells in a figure.",
    ),
)
SHARED = ("nats", "data-term", "prior-term", "elbo", "live")
"""Words that the figures of most studies use."""


def glossary(facts: StudyFacts) -> list[Entry]:
    """The entries that the page needs."""
    wanted = {*SHARED, *(term(figure.name) for figure in facts.figures)}
    known = (*ENTRIES, *OF_FIGURES)
    return [*OF_STUDIES, *(entry for entry in known if entry.anchor in wanted)]
