"""The numbers of a sweep as cards, as tables of trials, and as a list of particulars."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from vaestro.reports.numerals import NONE, duration, number, share
from vaestro.reports.sweep.facts import Axis, Fate, SweepFacts, Trial
from vaestro.reports.sweep.labels import better, inside, label, unit, value
from vaestro.reports.tables import Card

MOST = 40
"""So many rows stand in a table; trials.csv has all."""
SEARCHES = {
    "tpe": "tree-structured Parzen estimator",
    "gp": "Gaussian process",
    "nsga2": "NSGA-II, an evolution",
    "random": "random",
    "sobol": "Sobol sequence",
    "grid": "grid",
}
TERMS = {
    "data_term": "data-term",
    "prior_term": "prior-term",
    "live_dimensions": "live",
    "prior_mismatch": "mismatch",
}


@dataclass(frozen=True)
class Row:
    """A line of a table of trials: number, setting, and the cells after it. `best`: it is the
    best one. `text`: a sentence in place of cells."""

    trial: int
    settings: tuple[str, ...]
    cells: tuple[str, ...] = ()
    text: str = ""
    best: bool = False


@dataclass(frozen=True)
class Table:
    """A table of trials. `left_out`: how many of them are not in it."""

    name: str
    heading: str
    about: str
    columns: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]
    left_out: int


def cards(facts: SweepFacts) -> list[Card]:
    """How much was tried, how much was saved, and the best trial's first figures."""
    ended, finished = facts.ended, len(facts.of("finished"))
    untrained = len(facts.of("untrained"))
    made = [
        Card("Trials", number(ended), f"{number(finished)} finished", _spent(facts), "trial"),
        Card("Never trained", number(untrained), "forecast to collapse", _saved(facts), "forecast"),
    ]
    best = facts.best_trial
    for figure in facts.figures[:2]:
        name = figure.name
        known = NONE if best is None else value(name, best.value(name))
        note = "no trial yet" if best is None else f"of the best trial, {best.number}"
        made.append(Card(label(name), known, unit(name), f"{note}; {better(figure)}", term(name)))
    return made


def term(name: str) -> str:
    """The glossary's anchor of a figure."""
    return TERMS.get(name, name)


def _spent(facts: SweepFacts) -> str:
    return f"in {duration(facts.seconds)} of training" if facts.seconds else ""


def _saved(facts: SweepFacts) -> str:
    untrained = len(facts.of("untrained"))
    return f"{share(untrained / facts.ended)} of the trials cost no step" if untrained else ""


def tables(facts: SweepFacts) -> list[Table]:
    """The front, and the trials that came to nothing, each with its reason; empty ones left out."""
    found = [
        _front(facts),
        _ended(facts, "untrained", "Never trained", UNTRAINED),
        _ended(facts, "stopped", "Stopped while training", STOPPED),
        _ended(facts, "failed", "Failed", FAILED),
    ]
    return [table for table in found if table.rows]


UNTRAINED = (
    "The forecast told before the first step that these would collapse. Their figures are those of "
    "the best constant output."
)
STOPPED = "These could not come to anything any more and were stopped."
FAILED = "These have no figures."


def _front(facts: SweepFacts) -> Table:
    columns = [(label(figure.name), unit(figure.name)) for figure in facts.figures]
    trials = facts.front_trials
    rows = tuple(
        Row(
            trial.number,
            trial.edits,
            (
                *(value(figure.name, trial.value(figure.name)) for figure in facts.figures),
                trial.verdict.replace("_", " ") or NONE,
            ),
            best=trial.number == facts.best,
        )
        for trial in trials[:MOST]
    )
    one = len(facts.figures) == 1
    about = f"In the order of the {inside(facts.figures[0].name)}." if not one else ""
    heading = "The best trial" if one else "The trials on the front"
    more = len(trials) - len(rows)
    return Table("front", heading, about, (*columns, ("Verdict", "")), rows, more)


def _ended(facts: SweepFacts, fate: Fate, heading: str, about: str) -> Table:
    trials = facts.of(fate)
    rows = tuple(
        Row(t.number, t.edits, text=t.reason.removeprefix("forecast: ") or NONE)
        for t in trials[:MOST]
    )
    return Table(fate, heading, about, (("Reason", ""),), rows, len(trials) - len(rows))


def space(facts: SweepFacts) -> list[tuple[str, str, str]]:
    """Each varied field, where it was looked for, and its value in the best trial."""
    return [(axis.field, _looked(axis), _in(facts.best_trial, axis)) for axis in facts.axes]


def _looked(axis: Axis) -> str:
    some = ", in some settings only" if axis.conditional else ""
    if axis.values:
        return ", ".join(axis.values) + some
    scale = ", logarithmic" if axis.log else ""
    return f"{number(axis.low)} to {number(axis.high)}{scale}{some}"


def _in(trial: Trial | None, axis: Axis) -> str:
    chosen = None if trial is None else trial.params.get(axis.field)
    return NONE if chosen is None else chosen if isinstance(chosen, str) else number(chosen)


def particulars(facts: SweepFacts) -> list[tuple[str, str]]:
    """How the sweep looked, as (name, value)."""
    return [(name, value) for name, value in _particulars(facts) if value]


def _particulars(facts: SweepFacts) -> Iterator[tuple[str, str]]:
    figures = ", ".join(f"{inside(f.name)} ({better(f)})" for f in facts.figures)
    yield "Figures", f"{figures}, of the validation split"
    if len(facts.figures) > 1:
        first = "the first counts most" if facts.order == "lexicographic" else "none before another"
        yield "Order", first
    yield "Limits", ", ".join(facts.limits)
    yield "Search", SEARCHES.get(facts.search, facts.search)
    yield "Trials", f"{number(facts.ended)} of {number(facts.wanted)}"
    yield "Time in training", duration(facts.seconds) if facts.seconds else ""
    verdicts = Counter(t.verdict for t in facts.of("finished") if t.verdict)
    told = (f"{count} {name.replace('_', ' ')}" for name, count in verdicts.most_common())
    yield "Verdicts on the finished", ", ".join(told)
