"""How much each varied field matters for a figure, by Optuna's functional analysis of variance
(Hutter, Hoos and Leyton-Brown 2014, "An efficient approach for assessing hyperparameter
importance").
"""

import warnings
from collections.abc import Sequence
from types import ModuleType

import numpy as np
import optuna
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState

from vaestro.reports.sweep.facts import Importance
from vaestro.sweeps.definition import Definition
from vaestro.sweeps.ledger.rows import Trial
from vaestro.sweeps.study import as_study

LEAST, LEAST_PER_FIELD = 10, 3
"""With fewer trials, in all or for each field, the forest names the wrong field too often."""
MOST = 128
"""The forest takes a second or two for so many trials; of more, as many are taken evenly."""
TREES = 32


def importances(definition: Definition, trials: Sequence[Trial]) -> list[Importance]:
    """For each figure of the goal the share of its variance that each field explains by itself.

    A field that only some settings have is left out. Where too little is known there are no shares
    but a note.
    """
    figures = definition.goal.figures
    told = [trial for trial in trials if _has_all(trial, figures)]
    fields = [name for name in definition.space.fields if all(name in t.params for t in told)]
    least = max(LEAST, LEAST_PER_FIELD * len(fields))
    if len(told) < least:
        note = (
            f"{len(told)} trials have figures of their ends, too few to tell which field matters; "
            f"{least} are enough."
        )
        return [Importance(", ".join(figures), note=note)]
    places = np.unique(np.linspace(0, len(told) - 1, MOST).round().astype(int))
    return _estimated(definition, [told[place] for place in places], fields)


def load_forests() -> ModuleType:
    """Optuna's module of importance with sklearn's forests, which take a second to import and which
    no worker needs."""
    from optuna import importance

    return importance


def _has_all(trial: Trial, figures: Sequence[str]) -> bool:
    """Whether its figures are those of its end: of one that left at a rung they are not."""
    values = trial.values or {}
    ended = trial.state in ("finished", "pruned") and "rung" not in trial.facts
    return ended and all(values.get(name) is not None for name in figures)


def _estimated(
    definition: Definition, told: Sequence[Trial], fields: Sequence[str]
) -> list[Importance]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that shares of the whole variance are experimental
        study = as_study(definition, told, InMemoryStorage())
        return [
            _of_figure(study, place, name, fields)
            for place, name in enumerate(definition.goal.figures)
        ]


def _of_figure(study: optuna.Study, place: int, name: str, fields: Sequence[str]) -> Importance:
    done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if np.ptp([trial.values[place] for trial in done]) == 0:
        return Importance(name, note=f"{name} is the same in every trial: no field matters for it.")

    def target(trial: FrozenTrial) -> float:
        return float(trial.values[place])

    forests = load_forests()
    found = forests.get_param_importances(
        study,
        evaluator=forests.FanovaImportanceEvaluator(n_trees=TREES, seed=0),
        params=list(fields),
        target=target,
        normalize=False,
    )
    return Importance(name, {field: float(found[field]) for field in fields})
