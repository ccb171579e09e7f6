"""The words of a sweep's page."""

from vaestro.reports.glossary import ENTRIES, Entry
from vaestro.reports.numerals import MINUS
from vaestro.reports.sweep.facts import SweepFacts
from vaestro.reports.sweep.tables import term

OF_SWEEPS = (
    Entry("trial", "trial", "One setting of the varied fields, and what training with it gave."),
    Entry(
        "front",
        "front",
        "The trials that no other one equals or beats in every figure (the Pareto front). Along it "
        "one figure is bought with another.",
    ),
    Entry(
        "forecast",
        "forecast",
        "What the data's covariance and the loss tell before training. A trial is forecast to "
        "collapse when no direction of the data pays for itself: then nothing is left to learn.",
    ),
)
OF_PLANE = Entry(
    "plane",
    "rate-distortion plane",
    "The data term (distortion) over the prior term (rate). Dashed lines join what has the same "
    "ELBO; the nearer to the lower left, the higher it is.",
)
OF_IMPORTANCE = Entry(
    "importance",
    "importance",
    "The share of a figure's variance over the trials that a field explains by itself, estimated "
    "by a forest of regression trees (functional analysis of variance).",
)
OF_FIGURES = (
    Entry("nll", f"{MINUS}log p(x)", "The negative log-likelihood, by importance weighting."),
    Entry(
        "mutual_information",
        "mutual information",
        "How many nats of the prior term tell samples apart.",
    ),
)
SHARED = ("nats", "data-term", "prior-term", "elbo", "live")
"""Words that every such page uses."""


def glossary(facts: SweepFacts, plates: set[str]) -> list[Entry]:
    """The entries that the page needs; `plates` are the names of its figures."""
    wanted = {*SHARED, *(term(figure.name) for figure in facts.figures)}
    entries = [*OF_SWEEPS, *(entry for entry in (*ENTRIES, *OF_FIGURES) if entry.anchor in wanted)]
    entries += [OF_PLANE] if "plane" in plates else []
    return [*entries, *([OF_IMPORTANCE] if facts.importance else [])]
