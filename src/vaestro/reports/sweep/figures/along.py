"""Reconstructions and samples of trials along the front, a row for each."""

import numpy as np

from vaestro.reports.figures.run_rows import Row, row_of, without_repeats
from vaestro.reports.sweep.facts import SweepFacts, Trial
from vaestro.reports.sweep.labels import told

MOST = 8
"""So many trials are shown, spread over the front."""


def rows(facts: SweepFacts) -> list[Row]:
    """The rows of the front's trials whose run folders hold pictures."""
    found = [row for trial in chosen(facts) if (row := _row(trial, facts)) is not None]
    return list(without_repeats(found))


def chosen(facts: SweepFacts) -> list[Trial]:
    """At most MOST trials with a run folder, evenly spread over the front; the best is one."""
    front = [trial for trial in facts.front_trials if trial.run is not None]
    if len(front) <= MOST:
        return front
    places = np.linspace(0, len(front) - 1, MOST).round().astype(int).tolist()
    numbers = [trial.number for trial in front]
    if facts.best in numbers:
        best = numbers.index(facts.best)
        nearest = min(range(MOST), key=lambda one: abs(places[one] - best))
        places[nearest] = best
    return [front[place] for place in places]


def _row(trial: Trial, facts: SweepFacts) -> Row | None:
    assert trial.run is not None, "chosen by its run"
    named = " (best)" if trial.number == facts.best else ""
    title = f"Trial {trial.number}{named}: {told(trial, facts.figures)}"
    return row_of(trial.run, title, ", ".join(trial.edits))
