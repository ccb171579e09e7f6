"""Successive halving: the numbers of trials and epochs are those of the paper's bracket."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaestro.foundation.errors import RecipeError
from vaestro.sweeps.halving import HalvingConfig, leaving, promoted


def test_the_rungs_are_powers_of_eta() -> None:
    assert HalvingConfig(eta=3, compare_from=0).rungs(81) == (1, 3, 9, 27)
    assert HalvingConfig(eta=2).rungs(10) == (1, 2, 5)
    assert HalvingConfig(eta=4).rungs(3) == ()


def test_nobody_is_compared_in_the_first_hundredths_of_a_run() -> None:
    assert HalvingConfig(eta=3).rungs(81) == (3, 9, 27)
    assert HalvingConfig(eta=3, compare_from=0.2).rungs(81) == (27,)
    assert HalvingConfig(eta=3).rungs(27) == (1, 3, 9)
    assert HalvingConfig(eta=64).rungs(6400) == (100,)  # later is no rung, and one there is
    with pytest.raises(RecipeError, match="compare_from is 1; legal: less than 1"):
        HalvingConfig.parse({"compare_from": 1})


def test_a_bracket_of_eighty_one_trains_as_many_as_the_paper_says() -> None:
    """R = 81, eta = 3: 81, 27, 9, 3 and 1 trials; 405 epochs where each rung starts anew, and as
    ours go on where they are 81 + 27 * 2 + 9 * 6 + 3 * 18 + 1 * 54."""
    cost = np.random.default_rng(0).permutation(81).astype(float)
    alive, counts, epochs, before = set(range(81)), [], 0, 0
    config = HalvingConfig(eta=3, compare_from=0)
    for rung in (*config.rungs(81), 81):
        counts.append(len(alive))
        epochs += len(alive) * (rung - before)
        before = rung
        if rung < 81:
            validated = {number: cost[number] for number in alive}
            alive -= leaving(3, rung, validated, list(validated.values())).keys()
    assert counts == [81, 27, 9, 3, 1]
    assert epochs == 81 + 54 + 54 + 54 + 54
    assert sum(n * r for n, r in zip(counts, (1, 3, 9, 27, 81), strict=True)) == 405
    assert cost[alive.pop()] == 0


@given(st.lists(st.floats(-9, 9), min_size=1, max_size=40), st.integers(2, 5))
def test_none_goes_on_outside_the_best_share_of_its_rung(costs: list[float], eta: int) -> None:
    """As trials arrive one by one, compared with those before them."""
    seen: list[float] = []
    for number, cost in enumerate(costs):
        seen.append(cost)
        left = leaving(eta, 1, {number: cost}, seen)
        better = sum(other < cost for other in seen)
        assert (number in left) == (better >= max(1, len(seen) // eta))
        if left:
            assert left[number] == (1, better + 1, len(seen))


def test_a_cost_that_is_not_finite_leaves() -> None:
    nan = math.nan
    assert leaving(3, 1, {0: nan}, [nan]).keys() == {0}
    assert leaving(3, 1, {0: 1.0, 1: nan}, [1.0, nan]).keys() == {1}
    assert promoted(2, []) == -math.inf
    assert promoted(2, [1.0, nan, nan, nan]) == 1.0
