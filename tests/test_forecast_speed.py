"""A forecast takes the run's own steps and imports nothing that takes longer than they do."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import assembled
from vaestro.health.forecast.bare_adam import BareAdam, trial_state
from vaestro.health.task_copy import AnyTask, task_copy
from vaestro.training.initial_state import fresh_state
from vaestro.training.state import TrainState
from vaestro.training.step import Stepper

FORECAST = """
import sys, time
from vaestro.experiments.forecast_face import forecast
told = forecast({recipe!r}, set={edits!r}, timed=True)
assert told.cost is not None
print("torch._dynamo" in sys.modules, time.process_time())
"""


@pytest.mark.parametrize("kind", ["adam", "adamw", "rmsprop"])
def test_the_steps_of_a_trial_are_the_run_s_bit_by_bit(kind: str) -> None:
    training = {"epochs": 2, "batch_size": 100, "optimiser": {"kind": kind}}
    parts = assembled(training=training | {"weight_decay": 0.01})
    device = torch.device("cpu")

    def after(make: Any) -> tuple[TrainState, dict[str, torch.Tensor]]:
        task: AnyTask = task_copy(parts.task)
        state = make(task, parts.recipe.training, device)
        stepper = Stepper(task, parts.recipe.training, parts.horizon, parts.recipe.seed)
        task.module.train()
        while state.step < 6:
            stepper.take(state, parts.stream.batch(state.step))
        return state, task.module.state_dict()

    (bare, tried), (_, whole) = after(trial_state), after(fresh_state)
    assert isinstance(bare.optimiser, BareAdam) is (kind != "rmsprop")
    assert all(torch.equal(tried[name], whole[name]) for name in whole)


def _forecast(recipe: str, *edits: str) -> tuple[bool, float]:
    """Whether torch's compiler was imported, and the processor time in seconds."""
    program = FORECAST.format(recipe=recipe, edits=list(edits))
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    imported, seconds = run.stdout.split()
    return imported == "True", float(seconds)


def test_timing_steps_does_not_import_the_compiler() -> None:
    assert _forecast("digits")[0] is False


@pytest.mark.slow
def test_the_forecast_of_all_of_mnist_takes_seconds(real_data: Path) -> None:
    """60,000 images. In processor time and with room, since the machine may be shared."""
    assert _forecast("mnist-dense", f"data.path={real_data / 'mnist'}")[1] < 15
