"""Which settings are tried next: a grid's, even ones, or those of Optuna's samplers, through ask
and tell alone.

The study lives as long as one question. It is built from the ledger's trials and from what the
sampler asked to remember, so that whichever worker asks next knows what every other one knew.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, NamedTuple

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import (
    BaseSampler,
    GPSampler,
    NSGAIISampler,
    RandomSampler,
    TPESampler,
)
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from vaestro.experiments.recipe import Recipe
from vaestro.foundation.errors import RecipeError
from vaestro.foundation.randomness import Stream, derive_seed
from vaestro.sweeps.axis import ChoiceAxis, RangeAxis
from vaestro.sweeps.default import default_of
from vaestro.sweeps.definition import Search
from vaestro.sweeps.even import settings
from vaestro.sweeps.extrapolation import Reached, gone_on
from vaestro.sweeps.goal import Goal
from vaestro.sweeps.ledger.rows import Proposal, Trial
from vaestro.sweeps.space import Params, Space

EVEN = 16
"""So many settings a search that learns takes from a Sobol sequence, before it has learned: they
lie more evenly than at random, and at any number of them (Bergstra and Bengio 2012, section 5)."""

DRAWN = "even settings drawn"
"""What is remembered of that sequence: where it goes on."""

TRIES = 200
"""So many settings are drawn for one that meets the limits."""


class Asked(NamedTuple):
    """The settings to try next, and what the sampler remembers."""

    proposals: list[Proposal]
    search: dict[str, Any]


class Question(NamedTuple):
    """Everything that the next settings depend on."""

    base: Recipe
    space: Space
    goal: Goal
    search: Search
    seed: int
    trials: Sequence[Trial]
    remembered: Mapping[str, Any]
    earlier: Sequence[Trial] = ()
    default: bool = True
    reached: Reached = MappingProxyType({})

    @property
    def asked(self) -> int:
        """How many settings were asked before."""
        return len(self.trials)

    @property
    def even(self) -> bool:
        """Whether the next settings are those of a Sobol sequence."""
        young = self.asked + len(self.earlier) < EVEN
        return self.search == "sobol" or (self.search in ("tpe", "gp") and young)

    @property
    def own(self) -> Params | None:
        """The recipe as it is, where it is the first trial and is next."""
        first = self.default and not self.trials
        return default_of(self.base, self.space) if first else None


def ask(question: Question, count: int) -> Asked:
    """The next `count` settings; fewer where a grid ends. A pure function of the question.

    Raises RecipeError when no setting meets the limits.
    """
    if question.search == "grid":
        return _of_grid(question, count)
    if question.even:
        return _evenly(question, count)
    if question.search == "gp" and len(question.goal.figures) == 1:
        known = gone_on(question.trials, question.reached, question.goal.figures[0])
        question = question._replace(trials=known)  # TPE ranks those that left at a rung by itself
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a sampler is experimental, and the like
        storage = InMemoryStorage()
        study = study_of(question, storage)
        place = storage.get_study_id_from_name(study.study_name)
        for key, value in question.remembered.items():
            storage.set_study_system_attr(place, key, value)
        own = question.own
        if own is not None:
            study.enqueue_trial(own)
        proposals = [_next(question, study) for _ in range(count)]
        remembered = storage.get_study_system_attrs(place)
    return Asked(proposals, dict(remembered))


def grid_of(base: Recipe, space: Space) -> list[Params]:
    """The cells of a grid that meet the limits, in order. Raises RecipeError when none does."""
    cells = [cell for cell in space.cells() if space.meets(space.recipe(base, cell))]
    if not cells:
        raise _unmet(space)
    return cells


def _of_grid(question: Question, count: int) -> Asked:
    """Cells that no trial has, in order: a grid may have grown since the first was asked."""
    had = [trial.params for trial in question.trials]
    every = grid_of(question.base, question.space)
    cells = [cell for cell in every if cell not in had][:count]
    edits = question.space.edits
    return Asked([Proposal(cell, edits(cell), {}) for cell in cells], {})


def _evenly(question: Question, count: int) -> Asked:
    """Those that are legal and meet the limits of one sequence for the sweep, from where it is."""
    seed = derive_seed(question.seed, Stream.SWEEP) % 2**32
    own, space = question.own, question.space
    found = [] if own is None else [own]
    drawn, missed = int(question.remembered.get(DRAWN, 0)), 0
    sequence = settings(space, seed, drawn)
    fault: RecipeError | None = None
    while len(found) < count:
        params, drawn = next(sequence), drawn + 1
        fits, why = _fits(question, params)
        fault = why or fault
        missed = 0 if fits else missed + 1
        if fits:
            found.append(params)
        elif missed == TRIES:
            raise _unmet(space) if fault is None else _illegal(fault)
    proposals = [Proposal(params, space.edits(params), {}) for params in found]
    return Asked(proposals, {**question.remembered, DRAWN: drawn})


def _fits(question: Question, params: Params) -> tuple[bool, RecipeError | None]:
    """Whether a setting is legal and meets the limits; what is wrong with one whose fields are
    legal each, but not together."""
    try:
        return question.space.meets(question.space.recipe(question.base, params)), None
    except RecipeError as fault:
        return False, fault


def _next(question: Question, study: optuna.Study) -> Proposal:
    """The next setting that is legal and meets the limits; those that do not are told to have
    failed."""
    space = question.space
    fault: RecipeError | None = None
    for _ in range(TRIES):
        trial = study.ask()
        params = dict(_drawn(trial, space.axes))
        fits, why = _fits(question, params)
        fault = why or fault
        if fits:
            asked = study.get_trials(deepcopy=False)[trial.number]
            return Proposal(params, space.edits(params), dict(asked.system_attrs))
        study.tell(trial, state=TrialState.FAIL)
    raise _unmet(space) if fault is None else _illegal(fault)


def _unmet(space: Space) -> RecipeError:
    limits = ", ".join(str(limit) for limit in space.limits)
    return RecipeError(f"no setting of the space was found that meets {limits}; widen one of them")


def _illegal(fault: RecipeError) -> RecipeError:
    return RecipeError(f"no setting of the space was found that is legal: {fault}")


def _drawn(
    trial: optuna.Trial, axes: Sequence[RangeAxis | ChoiceAxis]
) -> Iterator[tuple[str, Any]]:
    for axis in axes:
        value = _suggested(trial, axis)
        yield axis.field, value
        if isinstance(axis, ChoiceAxis):
            yield from _drawn(trial, axis.branches.get(value, ()))


def _suggested(trial: optuna.Trial, axis: RangeAxis | ChoiceAxis) -> Any:
    if isinstance(axis, ChoiceAxis):
        return trial.suggest_categorical(axis.field, axis.values)
    if axis.integer:
        return trial.suggest_int(axis.field, round(axis.low), round(axis.high), log=axis.log)
    return trial.suggest_float(axis.field, axis.low, axis.high, log=axis.log)


def distribution_of(axis: RangeAxis | ChoiceAxis) -> BaseDistribution:
    """The axis as Optuna names it."""
    if isinstance(axis, ChoiceAxis):
        return CategoricalDistribution(axis.values)
    if axis.integer:
        return IntDistribution(round(axis.low), round(axis.high), log=axis.log)
    return FloatDistribution(axis.low, axis.high, log=axis.log)


def study_of(
    question: Question, storage: BaseStorage | str, name: str | None = None
) -> optuna.Study:
    """A study in `storage` that has seen the trials; Optuna's own tools can open it there."""
    study = optuna.create_study(
        storage=storage,
        study_name=name,
        sampler=sampler_of(question),
        directions=question.goal.directions,
    )
    if len(question.goal.figures) > 1:
        study.set_metric_names(list(question.goal.figures))
    for trial in (*question.trials, *question.earlier):
        study.add_trial(as_optuna(question.space, question.goal, trial))
    return study


def sampler_of(question: Question) -> BaseSampler:
    """The sampler of the next question; its seed is that of the sweep at this question."""
    seed = derive_seed(question.seed, Stream.SWEEP, question.asked) % 2**32
    match question.search:
        case "tpe":
            return TPESampler(seed=seed, multivariate=True, group=True, constant_liar=True)
        case "gp":
            return GPSampler(seed=seed, independent_sampler=RandomSampler(seed))
        case "nsga2":
            return NSGAIISampler(seed=seed)
        case _:
            return RandomSampler(seed)


def as_optuna(space: Space, goal: Goal, trial: Trial) -> FrozenTrial:
    """A trial of the ledger as Optuna knows trials; one without a result is running."""
    axes = {axis.field: distribution_of(axis) for axis in space.of(trial.params)}
    values, state, at = _told(goal, trial)
    made = create_trial(
        state=state,
        values=values,
        intermediate_values=at,
        params=trial.params,
        distributions=axes,
        system_attrs=trial.attrs,
        user_attrs={"trial": trial.number, "state": trial.state, "reason": trial.reason},
        constraints=goal.excesses(trial.values) if values and trial.values else None,
    )
    if state == TrialState.RUNNING:
        made.datetime_start = datetime.now(UTC)
    return made


def _told(
    goal: Goal, trial: Trial
) -> tuple[list[float] | None, TrialState, dict[int, float] | None]:
    """Values, state, and for one that left at a rung its value there."""
    if trial.state == "waiting":
        return None, TrialState.RUNNING, None
    known = trial.values or {}
    values = [known.get(name) for name in goal.figures]
    if trial.state == "failed" or any(value is None for value in values):
        return None, TrialState.FAIL, None
    numbers = [float(value) for value in values if value is not None]
    if "rung" in trial.facts and len(numbers) == 1:
        return None, TrialState.PRUNED, {int(trial.facts["rung"]): numbers[0]}
    return numbers, TrialState.COMPLETE, None
