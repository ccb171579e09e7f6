"""What many runs on the same data have in common is computed once, and nothing twice."""

import json
import types
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import Silent, small_recipe
from tests.test_forecast_score import data, likelihood_of
from vaestro.experiments import finish
from vaestro.experiments import train as training
from vaestro.experiments.population import parts
from vaestro.experiments.population.alike import look_of
from vaestro.experiments.population.parts import SharedParts
from vaestro.experiments.recipe import Recipe, apply
from vaestro.health.diagnosis import run_observation
from vaestro.health.diagnosis.run_observation import RunObservation
from vaestro.training import plan as planning
from vaestro.training.elbo import ElboTask
from vaestro.training.population.trial import Choice


def test_an_eigenvalue_is_computed_once_for_equal_questions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []
    leading = run_observation._leading

    def counted(likelihood: Any, latent: int, x: torch.Tensor) -> float:
        asked.append(latent)
        return leading(likelihood, latent, x)

    monkeypatch.setattr(run_observation, "_leading", counted)
    monkeypatch.setattr(run_observation, "_known", {})
    x = data("real")

    def critical(variance: float, latent: int, x: torch.Tensor) -> float:
        likelihood = likelihood_of({"kind": "gaussian", "variance": variance}, "real")
        vae: Any = types.SimpleNamespace(likelihood=likelihood, latent=latent)
        found = RunObservation(vae).critical_beta(x)
        assert found is not None
        return found

    first = critical(1.0, 2, x)
    assert critical(1.0, 2, x.clone()) == first and asked == [2]
    assert critical(0.5, 2, x) == pytest.approx(2 * first)
    assert critical(1.0, 3, x) == pytest.approx(first) and asked == [2, 2, 3]
    assert critical(1.0, 2, 2 * x) == pytest.approx(4 * first)
    assert len(asked) == 4
    for latent in range(4, 4 + run_observation.REMEMBERED):
        critical(1.0, latent, x)
    assert len(run_observation._known) == run_observation.REMEMBERED


def sums(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """An entry for every validation of a split."""
    calls: list[None] = []
    validate = ElboTask.validate

    def counted(task: ElboTask, *given: Any) -> dict[str, Any]:
        calls.append(None)
        return validate(task, *given)

    monkeypatch.setattr(ElboTask, "validate", counted)
    return calls


def validations(root: Path) -> list[dict[str, Any]]:
    """The validations of a run's history."""
    lines = (root / "history.jsonl").read_text().splitlines()
    return [record for line in lines if (record := json.loads(line))["split"] == "validation"]


def test_the_last_validation_is_not_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = sums(monkeypatch)
    summary = training.start(small_recipe(), tmp_path / "run", Silent())
    validated = validations(tmp_path / "run")
    assert len(calls) == len(validated) + 1  # and once on the training split
    assert {k: v for k, v in validated[-1].items() if k not in finish.PLACE} == summary[
        "validation"
    ]


def test_a_run_that_goes_back_to_its_best_is_validated_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a margin that could be met the first validation is the best one."""
    calls = sums(monkeypatch)
    stopping = {"patience": 2, "margin": 1e6}
    summary = training.start(
        small_recipe(training={"early_stopping": stopping, "epochs": 4}), tmp_path / "run", Silent()
    )
    validated = validations(tmp_path / "run")
    assert summary["status"] == "stopped_early" and len(calls) == len(validated) + 2
    assert summary["validation"]["loss"] != validated[-1]["loss"]
    assert summary["validation"]["loss"] == pytest.approx(validated[1]["loss"], rel=1e-6)


def test_data_are_looked_at_once_whatever_the_seed_and_the_objective(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[Recipe] = []
    look_at = parts.look_at
    monkeypatch.setattr(parts, "look_at", lambda one: looks.append(one.recipe) or look_at(one))
    shared, base = SharedParts(), small_recipe()
    plan = planning.choose(base.training)
    edits = (["seed=3"], ["objective.beta=7"], ["model.encoder.dropout=0.1"], ["model.latent=3"])
    made = [base, *(apply(base, list(edit)) for edit in edits)]
    found = []
    for recipe in made:
        assembly = shared.assembly(recipe, plan)
        found.append(shared.look(assembly))
        assert torch.equal(found[-1].deciding.values, look_at(assembly).deciding.values)
        assembly.stream.close()
    assert looks == [made[0], made[4]]
    assert all(one is found[0] for one in found[1:4]) and found[4] is not found[0]


def test_looks_differ_with_the_data_and_the_likelihood() -> None:
    base = small_recipe()
    variance = apply(base, ["model.likelihood={kind: gaussian, variance: 0.3}"])
    texts = {look_of(base, 2), look_of(variance, 2), look_of(base, 3)}
    texts.add(look_of(apply(base, ["split.seed=1"]), 2))
    assert len(texts) == 4


def test_a_width_is_measured_once_for_fewer_members_too() -> None:
    shared, recipe = SharedParts(), small_recipe()
    assert shared.choice(recipe, 3) is None
    measured = Choice(8, "8 at once take a step 2.0 times as fast.", {"1": 2.0, "8": 1.0})
    shared.keep_choice(recipe, 16, measured)
    assert shared.choice(apply(recipe, ["seed=4"]), 16) == shared.choice(recipe, 8) == measured
    fewer = shared.choice(recipe, 5)
    assert fewer is not None and fewer.width == 5 and fewer.reason.startswith("All 5 at once.")
    assert shared.choice(recipe, 17) is None and shared.choice(small_recipe(seed=1), 2) is not None
    assert shared.choice(apply(recipe, ["model.latent=3"]), 5) is None


def test_few_members_stack_only_where_that_is_faster_by_the_widths_measured() -> None:
    seconds = {"1": 1.0, "4": 1.2, "8": 0.8}
    measured = Choice(8, "8 at once take a step 1.2 times as fast.", seconds)
    assert [measured.for_fewer(count).width for count in (1, 2, 4, 5, 6, 7, 8)] == [
        1,
        1,
        1,
        1,
        6,
        7,
        8,
    ]  # fmt: skip  (1.04 s at five, 0.93 at six)
    assert "being 4 only" in measured.for_fewer(4).reason
