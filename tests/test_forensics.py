"""NaN forensics: planted overflows and singularities, named by layer, samples, step and cause."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.conftest import Silent, assembled, small_recipe
from vaestro.data.arrays import from_array
from vaestro.data.dataset import DataSet
from vaestro.experiments import train as training
from vaestro.experiments.assemble import Assembly
from vaestro.experiments.circumstances import Circumstances
from vaestro.experiments.diagnosis.replay import replay
from vaestro.experiments.recipe import Recipe, apply, read_recipe
from vaestro.foundation.errors import CheckpointError, RunFolderError
from vaestro.health.first_bad import SameNoise, watched_step
from vaestro.health.forensics import Forensics, examine
from vaestro.health.growth import Growth
from vaestro.health.task_copy import task_copy
from vaestro.models.build import NOBODY, Guests
from vaestro.runs.folder import RunFolder

GAUSSIAN = {"likelihood": {"kind": "gaussian"}}
NO_GROWTH = Growth((), {})


def diverged(
    root: Path, recipe: Recipe, data: DataSet | None = None, guests: Guests = NOBODY
) -> Path:
    """A run that ends with a refused step."""
    summary = training.start(recipe, root, Silent(), data, Circumstances(guests))
    assert summary["status"] == "diverged", summary["sentence"]
    return root


def finishes(root: Path, recipe: Recipe, data: DataSet | None = None) -> None:
    assert training.start(recipe, root, Silent(), data)["status"] == "finished"


# overflows


def test_a_learning_rate_of_1e5_is_an_overflow_and_its_remedy_cures_it(tmp_path: Path) -> None:
    recipe = small_recipe(model=GAUSSIAN, training={"learning_rate": 1e5})
    seen = replay(diverged(tmp_path / "run", recipe))
    assert seen.cause == "overflow"
    assert seen.step == 2
    assert seen.reproduced is True
    assert seen.first is not None and seen.first.value == "inf"
    assert seen.first.layer == "what follows decoder.head"
    assert seen.worst is not None and seen.worst > 3e38
    assert "an overflow of 32 bits" in seen.sentence
    steepest = seen.growth.steepest()
    assert steepest is not None and steepest[0] == "decoder.head" and steepest[1] > 1e10
    assert seen.growth.steps == (1, 2)
    assert seen.remedies[0] == "training.learning_rate=0.001"
    finishes(tmp_path / "cured", apply(recipe, seen.remedies[:1]))


def test_an_unbounded_log_variance_overflows_in_exp(tmp_path: Path) -> None:
    """Bounds at 60 and data in millionths of their unit: no first step, and none has grown."""
    x = (np.random.default_rng(0).normal(size=(300, 8)) * 1e6).astype(np.float32)
    scale = {"kind": "gaussian", "scale": {"kind": "log-variance", "high": 60}}
    recipe = small_recipe(
        model={**GAUSSIAN, "posterior": scale},
        split={"validation": 0.2, "test": 0.1},
    )
    seen = replay(diverged(tmp_path / "run", recipe, from_array(x)))
    assert seen.cause == "overflow"
    assert seen.worst is not None and seen.worst > 3e38
    assert seen.step == 1 and seen.reproduced is None
    assert seen.remedies[0] == "transform.kind=standardise"
    finishes(tmp_path / "cured", apply(recipe, seen.remedies[:1]), from_array(x))


def test_the_steps_before_are_replayed_bit_for_bit_from_the_start(tmp_path: Path) -> None:
    """A rate that jumps in the third epoch: 12 sound steps, then the fault, all of them seen."""
    late = {"kind": "two-phase", "first": 1e-3, "second": 1e6, "switch": "2 epochs"}
    recipe = small_recipe(model=GAUSSIAN, training={"learning_rate": late, "epochs": 4})
    root = diverged(tmp_path / "run", recipe)
    seen = replay(root)
    steps = RunFolder(root).read_summary()["steps"]  # type: ignore[index]
    assert seen.step == steps + 1 > 12
    assert seen.reproduced is True
    assert seen.growth.steps == tuple(range(1, seen.step + 1))
    path = seen.growth.layers["decoder.head"]
    assert max(path[:12]) < 10 < 1e6 < path[-1]
    assert seen.learning_rate == 1e6


def test_of_long_runs_the_checkpoint_before_is_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = {"kind": "two-phase", "first": 1e-3, "second": 1e6, "switch": "5 epochs"}
    settings = {"learning_rate": late, "epochs": 6, "checkpoint_steps": 5}
    root = diverged(tmp_path / "run", small_recipe(model=GAUSSIAN, training=settings))
    monkeypatch.setattr("vaestro.experiments.diagnosis.replay.KEPT", 1)
    monkeypatch.setattr("vaestro.experiments.diagnosis.replay.MOST_REPLAYED", 6)
    seen = replay(root)
    assert seen.reproduced is True
    assert 2 <= len(seen.growth.steps) <= 7
    monkeypatch.setattr("vaestro.experiments.diagnosis.replay.MOST_REPLAYED", 0)
    alone = replay(root)
    assert alone.reproduced is None
    assert alone.growth.steps == (seen.step,)
    assert (alone.cause, alone.first) == (seen.cause, seen.first)


# singularities


class Divided(nn.Module):
    """Features divided by the distance of the first number from 7: infinite for one sample."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        return self.inner(x / (x[:, :1] - 7.0))


def with_one(value: float) -> DataSet:
    """300 samples, all numbers of number 123, which is in the training split, being `value`."""
    x = np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32)
    x[123] = value
    return from_array(x)


def test_a_singularity_is_one_in_64_bits_too_and_the_sample_is_named(tmp_path: Path) -> None:
    recipe = small_recipe(
        model={**GAUSSIAN, "encoder": {"kind": "given"}},
        split={"validation": 0.1, "test": 0.1},
        training={"batch_size": 20},
    )
    torch.manual_seed(0)
    root = diverged(tmp_path / "run", recipe, with_one(7.0), Guests(Divided()))
    torch.manual_seed(0)
    seen = replay(root, Guests(Divided()))
    assert seen.cause == "singularity"
    assert seen.samples == (123,)
    assert not seen.whole_batch
    assert seen.worst is None
    assert seen.first is not None
    assert (seen.first.operation, seen.first.value) == ("div", "inf")
    assert "encoder" in seen.first.layer or seen.first.layer == "the input"
    assert "a real singularity" in seen.sentence and "samples 123)" in seen.sentence
    assert seen.reproduced in (True, None)
    cured = apply(recipe, ["model.encoder.kind=dense"])
    finishes(tmp_path / "cured", cured, with_one(7.0))


class Distance(nn.Module):
    """The distance to the first sample kind of thing: sqrt is sound at 0, its gradient is not."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(8, 4, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x.flatten(1)).square().sum(1, keepdim=True).sqrt().expand(-1, 4)


def test_a_singularity_of_the_gradient_alone_is_found_on_the_way_back(tmp_path: Path) -> None:
    recipe = small_recipe(
        model={**GAUSSIAN, "encoder": {"kind": "given"}},
        split={"validation": 0.1, "test": 0.1},
        training={"batch_size": 20},
    )
    torch.manual_seed(0)
    root = diverged(tmp_path / "run", recipe, with_one(0.0), Guests(Distance()))
    torch.manual_seed(0)
    seen = replay(root, Guests(Distance()))
    assert seen.cause == "singularity"
    assert seen.first is not None and seen.first.backward
    assert seen.samples == (123,)
    assert "the gradient of" in seen.sentence


# one step, examined alone


def examined(parts: Assembly, batch: Any) -> Forensics:
    control = parts.fresh_state().control
    return examine(parts.task, batch, control, 0, NO_GROWTH, 1e-3)


def test_a_sound_step_has_no_cause() -> None:
    parts = assembled()
    seen = examined(parts, parts.stream.batch(0))
    assert (seen.cause, seen.first) == ("none", None)
    assert "finite when it is taken again" in seen.sentence


def test_data_that_are_not_finite_are_named_by_their_samples() -> None:
    parts = assembled()
    batch = parts.stream.batch(0)
    x = batch.x.clone()
    x[3, 0, 0, 0], x[7, 0, 2, 2] = float("nan"), float("inf")
    seen = examined(parts, batch._replace(x=x))
    assert seen.cause == "data"
    assert seen.samples == tuple(batch.indices[[3, 7]].tolist())


@pytest.mark.parametrize("objective", [{}, {"kind": "iwae", "samples": 3}], ids=str)
def test_a_weight_that_is_too_large_is_found_in_its_layer(objective: dict[str, Any]) -> None:
    parts = assembled(model=GAUSSIAN, objective=objective)
    weight = parts.vae.head.levels[0].last[0].weight
    with torch.no_grad():
        weight.fill_(1e38)
    seen = examined(parts, parts.stream.batch(0))
    assert seen.cause == "overflow"
    assert seen.first is not None
    assert seen.first.layer == "head.levels.0.last.0"
    assert seen.first.operation in ("addmm", "mm", "linear")
    assert torch.equal(weight, torch.full_like(weight, 1e38))


def test_the_64_bit_step_draws_the_same_noise() -> None:
    """In 32 and 64 bits the loss agrees to 32 bits' rounding; without SameNoise it does not."""
    parts = assembled(model=GAUSSIAN)
    batch, control = parts.stream.batch(0), parts.fresh_state().control
    single = float(parts.task.terms(batch, control, 0).loss.detach())
    wide = task_copy(parts.task, double=True)
    in_double = batch._replace(x=batch.x.double())
    with SameNoise():
        double = float(wide.terms(in_double, control, 0).loss.detach())
    other = float(wide.terms(in_double, control, 0).loss.detach())
    assert double == pytest.approx(single, rel=1e-6)
    assert abs(other - single) > 1e-3 * abs(single)


def test_watching_changes_nothing() -> None:
    parts = assembled(model={"encoder": {"normalisation": "batch"}})
    batch, control = parts.stream.batch(0), parts.fresh_state().control
    loss = float(task_copy(parts.task).terms(batch, control, 0).loss.detach())
    before = {name: t.clone() for name, t in parts.vae.state_dict().items()}
    trace = watched_step(task_copy(parts.task), batch, control, 0, 0)
    assert trace.finite and trace.bad == ()
    assert trace.largest >= abs(loss)
    assert all(torch.equal(before[n], t) for n, t in parts.vae.state_dict().items())


# folders


def test_a_replay_changes_nothing_in_the_folder(tmp_path: Path) -> None:
    recipe = small_recipe(model=GAUSSIAN, training={"learning_rate": 1e5})
    root = diverged(tmp_path / "run", recipe)
    files = {p: p.read_bytes() for p in root.rglob("*") if p.is_file()}
    chance = torch.get_rng_state()
    first, second = replay(root), replay(root)
    assert first == second
    assert torch.equal(chance, torch.get_rng_state())
    assert files == {p: p.read_bytes() for p in root.rglob("*") if p.is_file()}
    json.loads(json.dumps(first.as_json(), allow_nan=False))
    for remedy in first.remedies:
        apply(read_recipe(root / "recipe.yaml"), [remedy])


def test_a_run_that_did_not_diverge_is_refused(tmp_path: Path) -> None:
    finishes(tmp_path / "run", small_recipe())
    with pytest.raises(RunFolderError, match="did not diverge"):
        replay(tmp_path / "run")
    with pytest.raises(RunFolderError, match="is no folder"):
        replay(tmp_path / "nowhere")


def test_a_damaged_checkpoint_is_passed_over_and_none_is_refused(tmp_path: Path) -> None:
    recipe = small_recipe(model=GAUSSIAN, training={"learning_rate": 1e5})
    root = diverged(tmp_path / "run", recipe)
    for path in (root / "checkpoints").glob("step-*/state.safetensors"):
        path.write_bytes(b"")
    said: list[str] = []
    with pytest.raises(CheckpointError, match="holds no checkpoint"):
        replay(root, say=said.append)
    assert any("damaged" in line for line in said)
