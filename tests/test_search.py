"""The search: a pure function of what was told; each sampler draws what it should."""

import math
from collections import Counter
from itertools import islice
from typing import Any

import numpy as np
import pytest

from vaestro.experiments.recipe import read_recipe
from vaestro.foundation.errors import RecipeError
from vaestro.foundation.yaml_text import read_yaml
from vaestro.sweeps.axis import ChoiceAxis, axis_of
from vaestro.sweeps.definition import Search
from vaestro.sweeps.even import settings
from vaestro.sweeps.goal import Goal
from vaestro.sweeps.ledger.rows import Proposal, Trial
from vaestro.sweeps.search import EVEN, Question, ask
from vaestro.sweeps.space import Space, space_of

BASE = read_recipe("digits")
SPACE = space_of(["objective.beta=log(1,64)", "model.latent=2,4,8"], None)
EVERY: tuple[Search, ...] = ("tpe", "gp", "nsga2", "random", "sobol")


def trial(number: int, one: Proposal, values: dict[str, float] | None, state: str) -> Trial:
    return Trial(
        number, 0, number, one.params, one.edits, one.attrs, state, values, None, {}, number
    )  # type: ignore[arg-type]


def searched(
    search: Search,
    rounds: int,
    count: int,
    space: Space = SPACE,
    goal: Goal | None = None,
    seed: int = 0,
) -> list[Trial]:
    """So many questions of `count` settings; a setting's figures are functions of beta."""
    goal = goal or Goal(figures=("mse",))
    trials: list[Trial] = []
    remembered: dict[str, Any] = {}
    for _ in range(rounds):
        question = Question(BASE, space, goal, search, seed, trials, remembered)
        proposals, remembered = ask(question, count)
        again = ask(question, count)
        assert (again.proposals, again.search) == (proposals, remembered)
        for one in proposals:
            away = abs(math.log(one.params["objective.beta"] / 8))
            values = {"mse": away, "data_term": away, "prior_term": -away}
            trials.append(trial(len(trials), one, values, "finished"))
    return trials


@pytest.mark.parametrize("search", EVERY)
def test_the_same_question_has_the_same_answer_and_the_next_another(search: Search) -> None:
    trials = searched(search, 4, 4)
    settings = [tuple(one.edits) for one in trials]
    assert len(set(settings)) >= 14
    for one in trials:
        assert 1 <= one.params["objective.beta"] <= 64
        assert one.params["model.latent"] in ("2", "4", "8")
        assert one.edits == SPACE.edits(one.params)
    other = [tuple(one.edits) for one in searched(search, 1, 4, seed=1)]
    assert other != settings[:4]


@pytest.mark.parametrize("search", ["tpe", "gp"])
def test_a_search_that_learns_comes_closer_than_chance(search: Search) -> None:
    learnt, chance = (
        [
            one.values["mse"]
            for seed in range(4)
            for one in searched(kind, 8, 4, seed=seed)[EVEN:]
            if one.values
        ]
        for kind in (search, "random")
    )
    assert np.median(learnt) < 0.5 * np.median(chance)


def test_sobol_fills_the_space_evenly() -> None:
    betas = [math.log2(one.params["objective.beta"]) for one in searched("sobol", 4, 8)[1:]]
    counts = Counter(int(value) for value in betas)
    assert all(4 <= counts[octave] <= 6 for octave in range(6))


def test_a_sobol_sequence_fills_branches_whole_numbers_and_choices_evenly() -> None:
    blocks = "{values: [[8], [16, 8]], branches: {'[8]': {model.latent: 'int(2,5)'}}}"
    axes = [
        axis_of("model.encoder.channels", read_yaml(blocks, "")),
        axis_of("seed", "logint(1,8)"),
    ]
    space = Space(axes=tuple(axes))
    drawn = list(islice(settings(space, 3, 0), 64))
    assert list(islice(settings(space, 3, 60), 4)) == drawn[60:]
    (narrow, wide), (low, *_) = axes[0].values, sorted({one["seed"] for one in drawn})
    kinds = Counter(one["model.encoder.channels"] for one in drawn)
    assert (kinds[narrow], kinds[wide]) == (32, 32)
    latents = Counter(one["model.latent"] for one in drawn if "model.latent" in one)
    assert sum(latents.values()) == 32 and all(6 <= latents[n] <= 10 for n in (2, 3, 4, 5))
    seeds = Counter(one["seed"] for one in drawn)
    share = 64 / math.log(8.5 / 0.5)
    for n in range(1, 9):
        assert abs(seeds[n] - share * math.log((n + 0.5) / (n - 0.5))) < 2.5
    assert low == 1 and all(space.holds(one) for one in drawn)


def test_a_grid_is_asked_in_order_and_ends() -> None:
    space = space_of(["objective.beta=log(1,4,3)", "model.latent=2,4"], None, ["objective.beta>=2"])
    trials = searched("grid", 3, 3, space)
    assert [one.edits for one in trials] == [
        [f"objective.beta={beta}", f"model.latent={latent}"]
        for beta in (2.0, 4.0)
        for latent in (2, 4)
    ]


@pytest.mark.parametrize("search", EVERY)
def test_limits_hold_for_every_setting(search: Search) -> None:
    space = space_of(["objective.beta=log(1,64)"], None, ["objective.beta>=16"])
    assert all(one.params["objective.beta"] >= 16 for one in searched(search, 2, 4, space))


def test_a_limit_that_nothing_meets_is_said() -> None:
    space = space_of(["objective.beta=log(1,64)"], None, ["objective.beta>=100"])
    with pytest.raises(RecipeError, match="no setting of the space was found that meets"):
        searched("tpe", 1, 1, space)


@pytest.mark.parametrize("search", ["tpe", "nsga2"])
def test_several_figures_limits_on_figures_and_trials_that_came_to_nothing(search: Search) -> None:
    goal = Goal.parse({"limits": [{"name": "data_term", "sign": "<=", "bound": 1.0}]})
    trials = searched(search, 3, 4, goal=goal)
    trials[0] = trials[0]._replace(state="failed", values=None)
    trials[1] = trials[1]._replace(state="waiting", values=None)
    trials[2] = trials[2]._replace(values={"data_term": 1.0, "prior_term": None})
    question = Question(BASE, SPACE, goal, search, 0, trials, {})
    assert len(ask(question, 4).proposals) == 4


def test_a_branch_is_drawn_only_where_it_is_chosen() -> None:
    inner = ChoiceAxis(field="model.encoder.channels", values=("[4]", "[8]"))
    kinds = ChoiceAxis(
        field="model.encoder",
        values=("dense", "convolution"),
        branches={"convolution": (inner,)},
    )
    beta = SPACE.axes[0]
    trials = searched("tpe", 4, 4, Space(axes=(beta, kinds)))
    told = [(one.params["model.encoder"], "model.encoder.channels" in one.params) for one in trials]
    assert set(told) == {("dense", False), ("convolution", True)}
