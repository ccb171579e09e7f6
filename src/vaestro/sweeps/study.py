"""A sweep as an Optuna study, for those of Optuna's tools that look at results."""

import warnings
from collections.abc import Sequence

import optuna
from optuna.storages import BaseStorage

from vaestro.sweeps.definition import Definition
from vaestro.sweeps.ledger.rows import Trial
from vaestro.sweeps.search import Question, study_of


def as_study(
    definition: Definition,
    trials: Sequence[Trial],
    storage: BaseStorage | str,
    name: str | None = None,
) -> optuna.Study:
    """A study in `storage` that has seen the trials."""
    question = Question(
        base=definition.recipe,
        space=definition.space,
        goal=definition.goal,
        search=definition.search,
        seed=definition.seed,
        trials=trials,
        remembered={},
    )
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a sampler is experimental, and the like
        return study_of(question, storage, name)
