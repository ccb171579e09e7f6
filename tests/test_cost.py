"""What a run will cost: measured on copies, so that the run itself stays bit for bit the same."""

import copy
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import Silent, small_recipe
from vaestro.experiments import train as training
from vaestro.experiments.assemble import Assembly, assemble
from vaestro.experiments.forecasting.forecast import cost_of as forecast_cost
from vaestro.experiments.recipe import Recipe
from vaestro.foundation.samples import Batch
from vaestro.health.forecast.cost import Cost, duration, expected_cost, mebibytes
from vaestro.training import plan as planning

ROOT = Path(__file__).parents[1]


def cost_of(parts: Assembly, **settings: Any) -> Cost:
    return expected_cost(
        parts.task,
        parts.stream,
        parts.material.batches("validation")(),
        len(parts.material.samples["validation"]),
        parts.recipe.training,
        parts.horizon,
        parts.recipe.seed,
        **settings,
    )


def assembled(recipe: Recipe) -> Assembly:
    return assemble(recipe, planning.choose(recipe.training))


TRICKY: list[dict[str, Any]] = [
    {"model": {"encoder": {"normalisation": "batch", "dropout": 0.2}}},
    {
        "model": {"likelihood": {"kind": "gaussian", "variance": {"kind": "optimal"}}},
        "objective": {"beta": {"kind": "geco", "target": 20.0}},
    },
    {"objective": {"kind": "iwae", "samples": 2}, "training": {"ema": 0.9}},
]


@pytest.mark.parametrize("changes", TRICKY, ids=str)
def test_the_run_afterwards_is_bit_for_bit_the_run_without(
    changes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Running statistics, layers that draw, controllers and buffers are those of the untold run."""
    recipe = small_recipe(**changes)
    training.start(recipe, tmp_path / "alone", Silent())
    fresh = Assembly.fresh_state

    def measured(parts: Assembly) -> Any:
        state = fresh(parts)
        assert cost_of(parts, allowed=0.01).timed_steps >= 4
        return state

    monkeypatch.setattr(Assembly, "fresh_state", measured)
    training.start(recipe, tmp_path / "told", Silent())
    for name in ("history.jsonl", "model/model.safetensors"):
        assert (tmp_path / "alone" / name).read_bytes() == (tmp_path / "told" / name).read_bytes()


def test_measuring_leaves_weights_gradients_and_chance_alone() -> None:
    parts = assembled(small_recipe())
    before, chance = copy.deepcopy(parts.vae.state_dict()), torch.get_rng_state()
    parts.vae.eval()
    cost_of(parts, allowed=0.01)
    assert torch.equal(chance, torch.get_rng_state())
    assert not parts.vae.training
    assert all(torch.equal(before[n], t) for n, t in parts.vae.state_dict().items())
    assert all(p.grad is None for p in parts.vae.parameters())


class Slow:
    """Batches and validation batches that take a known time each."""

    def __init__(self, parts: Assembly, seconds: float) -> None:
        self.inner, self.seconds = parts.stream, seconds
        self.steps_per_epoch = parts.stream.steps_per_epoch

    def batch(self, step: int) -> Batch:
        time.sleep(self.seconds)
        return self.inner.batch(step)


def test_the_whole_is_the_sum_of_its_parts() -> None:
    """Steps of 0.03 s, snapshots of 0.2 s: what they add up to over 60 epochs."""
    changes = {"epochs": 60, "validate_epochs": 7, "snapshot_epochs": 20}
    parts = assembled(small_recipe(training=changes))
    slow = Slow(parts, 0.03)
    cost = expected_cost(
        parts.task,
        slow,
        parts.material.batches("validation")(),
        len(parts.material.samples["validation"]),
        parts.recipe.training,
        parts.horizon,
        0,
        snapshot=lambda: time.sleep(0.2),
        allowed=0.2,
    )
    assert parts.horizon.steps == 360
    # at least what they slept; a busy machine wakes them late
    assert 0.03 < cost.step_seconds < 0.3
    assert 0.2 < cost.snapshot_seconds < 1.0
    held_out = len(parts.material.samples["validation"])
    validations = 1 + 60 // 7 + 1 + 1200 / held_out
    snapshots = 1 + 60 // 20
    wanted = 360 * cost.step_seconds + validations * cost.validation_seconds
    assert cost.seconds == pytest.approx(wanted + snapshots * cost.snapshot_seconds)
    assert cost.low < cost.seconds / 1.09 and cost.high > cost.seconds * 1.09


def test_a_longer_validation_is_timed_by_its_first_batches() -> None:
    parts = assembled(small_recipe())
    batch = next(iter(parts.material.batches("validation")()))
    read = 0

    def endless() -> Any:
        nonlocal read
        while True:
            read += 1
            time.sleep(0.02)
            yield batch

    cost = expected_cost(
        parts.task, parts.stream, endless(), 100 * len(batch.x), parts.recipe.training,
        parts.horizon, 0, allowed=0.1,
    )  # fmt: skip
    assert read < 10
    assert 2.0 < cost.validation_seconds < 30.0


def test_a_recipe_that_diverges_at_once_is_timed_all_the_same() -> None:
    likelihood = {"kind": "gaussian", "variance": 1e-12}
    parts = assembled(small_recipe(model={"likelihood": likelihood}, training={"batch_size": 2}))
    with torch.no_grad():
        next(parts.vae.parameters()).fill_(1e30)
    assert cost_of(parts, allowed=0.01).seconds > 0


def test_the_sentence_reads_as_a_person_says_it() -> None:
    cost = Cost(200.0, 180.0, 225.0, 0.1, 0.5, 0.2, 410 * 2**20, 20)
    assert cost.sentence == "about 3 min 20 s on this machine (3 min to 3 min 45 s), 410 MiB"
    assert re.fullmatch(
        r"about .* on this machine \(.* to .*\)", Cost(*[1.0] * 6, None, 4).sentence
    )


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.42, "0.4 s"), (59.7, "60 s"), (61, "1 min 1 s"), (3600, "1 h"), (7810, "2 h 10 min"),
     (93600, "1 d 2 h")],
)  # fmt: skip
def test_durations(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_sizes() -> None:
    assert (mebibytes(410 * 2**20), mebibytes(3 * 2**30)) == ("410 MiB", "3.0 GiB")


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's own peak is Linux's")
def test_the_peak_counts_what_was_freed_again() -> None:
    """In a process of its own, which holds nothing else."""
    script = (
        "import torch\n"
        "from vaestro.health.forecast.memory import Peak\n"
        "with Peak(torch.device('cpu')) as before:\n    pass\n"
        "with Peak(torch.device('cpu')) as peak:\n"
        "    held = torch.ones(2**25)\n    del held\n"  # 128 MiB
        "print(peak.bytes - before.bytes)"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert 120 * 2**20 < int(told.stdout) < 140 * 2**20, told.stderr


TOLD_AND_DONE = """
import torch
torch.set_num_threads(1)
from tests.conftest import Silent, small_recipe
from tests.test_cost import assembled, cost_of
from vaestro.experiments import train as training
from vaestro.health.forecast.memory import resident_peak
from pathlib import Path
wide = {"kind": "dense", "widths": [1500, 1500]}
recipe = small_recipe(model={"encoder": wide, "decoder": wide})
if %r:
    cost = cost_of(assembled(recipe), allowed=0.2)
    print(cost.memory)
else:
    training.start(recipe, Path("run"), Silent())
    print(resident_peak())  # ru_maxrss would take over that of the process it came from
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's own peak is Linux's")
def test_the_memory_told_is_the_memory_used(tmp_path: Path) -> None:
    """Two processes: one forecasts, one trains. 5 million weights, Adam's moments with them."""
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"}

    def said(forecast: bool) -> int:
        done = subprocess.run(
            [sys.executable, "-c", TOLD_AND_DONE % forecast],
            cwd=tmp_path, capture_output=True, text=True, env=environment,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return int(done.stdout)

    assert said(True) == pytest.approx(said(False), rel=0.15)


def test_a_snapshot_is_written_elsewhere_and_counted() -> None:
    """Batch normalisation learns nothing from it."""
    net = {"kind": "dense", "widths": [16], "normalisation": "batch"}
    parts = assembled(small_recipe(model={"encoder": net, "decoder": net}))
    before, chance = copy.deepcopy(parts.vae.state_dict()), torch.get_rng_state()
    assert forecast_cost(parts).snapshot_seconds > 0
    assert all(torch.equal(before[n], t) for n, t in parts.vae.state_dict().items())
    assert parts.vae.training and torch.equal(chance, torch.get_rng_state())
