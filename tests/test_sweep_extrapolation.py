"""What searches are told of trials that left at a rung."""

import math
from typing import Any

import pytest

from tests.conftest import small_recipe
from vaestro.sweeps import search
from vaestro.sweeps.extrapolation import gone_on
from vaestro.sweeps.goal import Goal
from vaestro.sweeps.ledger.rows import Trial
from vaestro.sweeps.search import EVEN, Question, ask
from vaestro.sweeps.space import space_of

BETA = "objective.beta"
SPACE = space_of([f"{BETA}=log(0.25,16)"], None)


def trial(number: int, elbo: float | None, rung: int | None = None, beta: float = 1.0) -> Trial:
    facts, state = ({}, "finished") if rung is None else ({"rung": rung}, "pruned")
    values = {"elbo": elbo, "mse": 1.0}
    return Trial(number, 0, number, {BETA: beta}, [], {}, state, values, None, facts, None)  # type: ignore[arg-type]


def test_who_left_gains_what_others_gained_in_the_median() -> None:
    """Rungs at 1 and 3. From 1 to 3 three trials gained 10, 20 and 90, from 3 to the end two gained
    4 and 6."""
    trials = [trial(0, -104.0), trial(1, -94.0), trial(2, -30.0, 3), trial(3, -150.0, 1)]
    reached = {
        0: {1: 118.0, 3: 108.0},
        1: {1: 120.0, 3: 100.0},
        2: {1: 120.0, 3: 30.0},
        3: {1: 150.0},
    }
    told = gone_on(trials, reached, "elbo")
    assert [one.values["elbo"] for one in told if one.values] == [-104, -94, -25, -125]
    assert all("rung" not in one.facts for one in told)
    assert told[3].values == {"elbo": -125.0, "mse": 1.0}
    assert trials[3].facts == {"rung": 1}


def test_a_figure_that_is_to_be_small_falls() -> None:
    trials = [trial(0, 0.0), trial(1, 0.0, 1)]
    trials[0].values["mse"], trials[1].values["mse"] = 2.0, 7.0  # type: ignore[index]
    told = gone_on(trials, {0: {1: 5.0}, 1: {1: 7.0}}, "mse")
    assert [one.values["mse"] for one in told if one.values] == [2.0, 4.0]


def test_where_nobody_has_gone_on_it_stays_what_it_is() -> None:
    told = gone_on([trial(0, -7.0, 1), trial(1, None, 1)], {0: {1: 7.0}, 1: {1: math.nan}}, "elbo")
    assert [one.values and one.values["elbo"] for one in told] == [-7.0, None]
    assert "rung" not in told[0].facts and "rung" in told[1].facts


def test_a_gaussian_process_learns_from_who_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """All but one of twenty trials left at the first rung, the nearer to beta 2 the later in the
    order: it asks near 2, where it could not have known."""
    betas = [0.25 * 64 ** (k / 19) for k in range(20)]
    costs = [math.log(beta / 2) ** 2 for beta in betas]
    trials = [
        trial(k, -cost, 1, beta) for k, (cost, beta) in enumerate(zip(costs, betas, strict=True))
    ]
    trials[0] = trial(0, -costs[0] + 0.5, None, betas[0])
    reached = {k: {1: cost} for k, cost in enumerate(costs)}
    question = Question(
        small_recipe(), SPACE, Goal(figures=("elbo",)), "gp", 0, trials, {}, reached=reached
    )
    found = [one.params[BETA] for one in ask(question, 3).proposals]
    assert all(1.4 < beta < 2.9 for beta in found), found
    monkeypatch.setattr(search, "gone_on", lambda trials, *told: trials)
    blind = [one.params[BETA] for one in ask(question, 3).proposals]
    assert any(not 1.4 < beta < 2.9 for beta in blind), blind


@pytest.mark.parametrize("kind", ["tpe", "gp"])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_search_that_has_not_learned_yet_asks_evenly(kind: Any, seed: int) -> None:
    """Of the first sixteen settings one to three lie in every eighth of the axis, in whatever
    batches they were asked; from the seventeenth on the search asks where it has learned to."""
    goal = Goal(figures=("elbo",))
    question = Question(small_recipe(), SPACE, goal, kind, seed, (), {}, default=False)
    trials: list[Trial] = []
    for count in (4, 8, 4):
        found, remembered = ask(question._replace(trials=trials), count)
        question = question._replace(remembered=remembered)
        for one in found:
            place = math.log(one.params[BETA] / 2)
            trials.append(trial(len(trials), -(place**2), None, one.params[BETA]))
    eighths = [int(8 * math.log(one.params[BETA] / 0.25, 64)) for one in trials]
    assert len(trials) == EVEN
    assert all(1 <= eighths.count(place) <= 3 for place in range(8)), eighths
    then = [one.params[BETA] for one in ask(question._replace(trials=trials), 4).proposals]
    assert sum(1 < beta < 4 for beta in then) >= 2


def test_what_an_earlier_sweep_found_needs_no_even_start() -> None:
    goal = Goal(figures=("elbo",))
    question = Question(small_recipe(), SPACE, goal, "tpe", 0, (), {}, default=False)
    earlier = [trial(-1, -float(k), None, 0.25 * 2 ** (k / 4)) for k in range(EVEN)]
    for known, even in ((EVEN - 1, True), (EVEN, False)):
        told = question._replace(earlier=earlier[:known])
        assert (ask(told, 4) == ask(told._replace(search="sobol"), 4)) == even
