"""What is best: fronts, orders, limits; known answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaestro.foundation.errors import RecipeError
from vaestro.sweeps.goal import Goal, ranked, require_comparable
from vaestro.sweeps.limit import Limit


def of(*pairs: tuple[float | None, float | None]) -> list[dict[str, float | None]]:
    return [{"data_term": d, "prior_term": r} for d, r in pairs]


def test_the_front_is_what_none_beats() -> None:
    results = of((10, 1), (5, 5), (1, 10), (6, 6), (10, 2), (5, 5))
    best, front = ranked(Goal(), results)
    assert front == [2, 1, 5, 0]  # by the first figure; equals stay beside each other
    assert best == 1  # nearest to the best of both


def test_a_trial_without_a_figure_or_beyond_a_limit_is_never_on_it() -> None:
    goal = Goal(limits=(Limit.read("prior_term<=4"),))
    assert ranked(goal, [*of((1, 5), (None, 1), (7, 3), (6, float("nan"))), None]).front == [2]
    assert ranked(goal, of((1, 5))) == (None, [])


def test_the_first_figure_counts_most() -> None:
    goal = Goal(figures=("mse", "live_dimensions"), order="lexicographic", within=0.1)
    results = [
        {"mse": 1.0, "live_dimensions": 2.0},
        {"mse": 1.05, "live_dimensions": 9.0},  # within a tenth of the best, and more live
        {"mse": 1.2, "live_dimensions": 30.0},
    ]
    assert ranked(goal, results).best == 1
    assert ranked(goal.model_copy(update={"within": 0.0}), results).best == 0


def test_one_figure_has_one_best() -> None:
    results = [{"elbo": -3.0}, {"elbo": -1.0}, {"elbo": -2.0}]
    assert ranked(Goal(figures=("elbo",)), results) == (1, [1])


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=30))
def test_every_trial_off_the_front_is_beaten_and_none_on_it(pairs: list[tuple[int, int]]) -> None:
    best, front = ranked(Goal(), of(*pairs))

    def beats(a: int, b: int) -> bool:
        (d1, r1), (d2, r2) = pairs[a], pairs[b]
        return d1 <= d2 and r1 <= r2 and (d1, r1) != (d2, r2)

    for place in range(len(pairs)):
        beaten = any(beats(other, place) for other in range(len(pairs)))
        assert beaten != (place in front)
    assert best in front


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        (("data_trm",), "unknown figure data_trm: did you mean data_term"),
        (("mse", "mse"), "stands twice"),
    ],
)
def test_a_goal_that_is_not_legal(figures: tuple[str, ...], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        Goal.parse({"figures": figures})


def test_figures_that_change_their_meaning_are_refused() -> None:
    with pytest.raises(RecipeError, match="what loss means; give --objective elbo"):
        require_comparable(Goal(figures=("loss",)), ["objective.beta"])
    require_comparable(Goal(figures=("loss",)), ["model.latent"])
    with pytest.raises(RecipeError, match="nats of different likelihoods cannot be compared"):
        require_comparable(Goal(), ["model.likelihood.kind"])
    require_comparable(Goal(figures=("mse", "prior_term")), ["model.likelihood.kind"])
    require_comparable(Goal(), ["model.likelihood.variance.value"])
