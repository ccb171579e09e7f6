"""What trials that left at a rung would have come to, for a search that learns from whole ones.

A trial is expected to gain from its rung on what others gained from there: from rung to rung, and
from the last one to the end, the median change of those that have both.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median

from vaestro.sweeps.goal import cost
from vaestro.sweeps.ledger.rows import Trial

Reached = Mapping[int, Mapping[int, float]]
"""What trials had to pay at rungs: costs by the trial's number and the rung's epoch."""


def gone_on(trials: Sequence[Trial], reached: Reached, figure: str) -> list[Trial]:
    """The trials; those that left at a rung with the `figure` that they are expected to end with,
    as if they had come there."""
    changes = _changes(_curves(trials, reached, figure))
    return [_gone_on(trial, changes, figure) for trial in trials]


def _gone_on(trial: Trial, changes: Mapping[float, float], figure: str) -> Trial:
    value = (trial.values or {}).get(figure)
    if value is None or "rung" not in trial.facts:
        return trial
    left = trial.facts["rung"]
    further = sum(change for epoch, change in changes.items() if epoch >= left)
    facts = {name: fact for name, fact in trial.facts.items() if name != "rung"}
    ends = cost(figure, cost(figure, value) + further)
    return trial._replace(values={**(trial.values or {}), figure: ends}, facts=facts)


def _curves(trials: Sequence[Trial], reached: Reached, figure: str) -> list[dict[float, float]]:
    """Each trial's costs by epoch; a finished one's at its end, which is epoch infinity."""
    curves = []
    for trial in trials:
        curve = {float(epoch): value for epoch, value in reached.get(trial.number, {}).items()}
        value = (trial.values or {}).get(figure)
        if trial.state == "finished" and value is not None:
            curve[math.inf] = cost(figure, value)
        curves.append({epoch: value for epoch, value in curve.items() if math.isfinite(value)})
    return curves


def _changes(curves: Sequence[Mapping[float, float]]) -> dict[float, float]:
    """By how much a cost changes from each epoch to the next one of any curve; 0 where no curve has
    both."""
    epochs = sorted({epoch for curve in curves for epoch in curve})
    found = {}
    for here, there in pairwise(epochs):
        known = [curve[there] - curve[here] for curve in curves if {here, there} <= curve.keys()]
        found[here] = median(known) if known else 0.0
    return found
