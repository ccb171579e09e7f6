"""The number of threads, chosen by measurement: what is measured, kept and said."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import Silent, small_recipe
from tests.test_resume import assert_same_run, train_killed, unchanged
from vaestro.experiments import train as training
from vaestro.experiments.assemble import Assembly, assemble
from vaestro.experiments.recipe import Recipe
from vaestro.foundation.errors import RecipeError
from vaestro.health.task_copy import task_copy
from vaestro.training import plan as planning
from vaestro.training import threads
from vaestro.training.threads import ThreadChoice, _Trial, candidates, fastest, fewest


def auto(epochs: int = 2) -> Recipe:
    return small_recipe(training={"threads": "auto", "epochs": epochs, "checkpoint_steps": 4})


def asked(parts: Assembly) -> ThreadChoice | None:
    recipe = parts.recipe
    return fastest(task_copy(parts.task), parts.stream, recipe.training, parts.horizon, recipe.seed)


@pytest.fixture
def two_are_faster(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A machine of four cores on which two threads take a step in `seconds`, others in a tenth
    more; the steps are real ones."""
    monkeypatch.setattr(threads, "candidates", lambda: [1, 2, 4])
    real = _Trial.step

    def pretend(seconds: float) -> None:
        def step(self: _Trial, number: int) -> float:
            assert real(self, 1) > 0  # idle cores are not what this is about
            return seconds if number == 2 else 1.1 * seconds

        monkeypatch.setattr(_Trial, "step", step)
        monkeypatch.setattr(threads, "SECONDS", 0.0)

    return pretend


def built(recipe: Recipe) -> Assembly:
    return assemble(recipe, planning.choose(recipe.training))


def test_the_fastest_is_chosen_and_nothing_is_touched(
    two_are_faster: Callable[[float], None],
) -> None:
    two_are_faster(0.01)
    parts = built(auto(epochs=100))
    before = {name: value.clone() for name, value in parts.vae.state_dict().items()}
    random, number = torch.random.get_rng_state(), torch.get_num_threads()
    choice = asked(parts)
    assert choice is not None
    assert choice.threads == 2
    assert choice.seconds == pytest.approx({1: 0.011, 2: 0.01, 4: 0.011})
    assert choice.sentence == (
        "Training on 2 threads: a step takes 11 ms on 1, 10 ms on 2, 11 ms on 4."
    )
    assert torch.get_num_threads() == number
    assert torch.equal(torch.random.get_rng_state(), random)
    assert [n for n, v in parts.vae.state_dict().items() if not torch.equal(v, before[n])] == []


def test_a_short_run_is_not_measured(two_are_faster: Callable[[float], None]) -> None:
    """12 steps hold no trial of a fiftieth of them; 600 just do (4 rounds of 3 numbers)."""
    two_are_faster(0.01)
    assert asked(built(auto(epochs=2))) is None
    assert asked(built(auto(epochs=99))) is None  # 594 steps
    assert asked(built(auto(epochs=100))) is not None


def test_ties_go_to_fewer_threads() -> None:
    assert fewest({1: 1.02, 2: 1.0, 4: 1.01}) == 1
    assert fewest({1: 1.04, 2: 1.0, 4: 0.99}) == 2
    assert fewest({1: 3.0, 2: 2.0, 4: 1.0}) == 4


@pytest.mark.parametrize(
    ("cores", "numbers"), [(1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6]), (8, [1, 2, 4, 8])]
)
def test_powers_of_two_and_every_core_are_tried(
    cores: int, numbers: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)
    assert candidates() == numbers


def choosing(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def chosen(*_: Any) -> ThreadChoice:
        return ThreadChoice(number, {1: 0.02, number: 0.01})

    monkeypatch.setattr("vaestro.experiments.threads.fastest", chosen)


def plan_of(root: Path) -> dict[str, Any]:
    plan: dict[str, Any] = json.loads((root / "manifest.json").read_text())["plan"]
    return plan


def test_the_run_is_that_of_the_chosen_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choosing(2, monkeypatch)
    display = Silent()
    training.start(auto(), tmp_path / "chosen", display)
    training.start(small_recipe(training={"threads": 2}), tmp_path / "given", Silent())
    assert_same_run(tmp_path / "chosen", tmp_path / "given")
    assert "Training on 2 threads: a step takes 20 ms on 1, 10 ms on 2." in display.said
    assert plan_of(tmp_path / "chosen")["threads"] == 2
    assert torch.get_num_threads() == 1  # put back after the run


@pytest.mark.slow
def test_a_resumed_run_keeps_its_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    choosing(2, monkeypatch)
    training.start(auto(), tmp_path / "straight", Silent())
    train_killed(auto(), tmp_path / "killed", 6, monkeypatch)
    choosing(1, monkeypatch)  # the machine would choose otherwise now
    training.resume(tmp_path / "killed", unchanged, Silent())
    assert plan_of(tmp_path / "killed")["threads"] == 2
    assert_same_run(tmp_path / "straight", tmp_path / "killed")


def test_without_auto_nothing_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    choosing(2, monkeypatch)
    display = Silent()
    training.start(small_recipe(training={"threads": None}), tmp_path / "run", display)
    assert plan_of(tmp_path / "run")["threads"] == 1
    assert not any("threads" in line for line in display.said)


def test_a_real_trial_takes_little(tmp_path: Path) -> None:
    choice = asked(built(auto(epochs=2000)))
    assert choice is None or choice.threads in candidates()
    if len(candidates()) > 1:
        assert choice is not None
        assert set(choice.seconds) == set(candidates())


@pytest.mark.parametrize("given", [0, "fast"])
def test_other_values_are_refused(given: object) -> None:
    with pytest.raises(RecipeError, match=r"training.threads is .*legal"):
        small_recipe(training={"threads": given})
