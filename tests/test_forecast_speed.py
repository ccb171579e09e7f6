"""A forecast takes the run's own steps and imports nothing that takes longer than they do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FORECAST = """
import sys, time
from vaestro.experiments.forecasting.face import forecast
told = forecast({recipe!r}, set={edits!r}, timed=True)
assert told.cost is not None
print("torch._dynamo" in sys.modules, time.process_time())
"""


def _forecast(recipe: str, *edits: str) -> tuple[bool, float]:
    """Whether torch's compiler was imported, and the processor time in seconds, on one thread:
    threads that wait for each other count too."""
    program = FORECAST.format(recipe=recipe, edits=list(edits))
    alone = os.environ | {"OMP_NUM_THREADS": "1"}
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=alone
    )
    imported, seconds = run.stdout.split()
    return imported == "True", float(seconds)


def test_timing_steps_does_not_import_the_compiler() -> None:
    assert _forecast("digits")[0] is False


@pytest.mark.slow
def test_the_forecast_of_all_of_mnist_takes_seconds(real_data: Path) -> None:
    """60,000 images of 784 pixels take 1.3 times as long as 1,800 of 64, on any machine: most of it
    is Python's start."""
    few = min(_forecast("digits")[1] for _ in range(2))
    many = min(_forecast("mnist-dense", f"data.path={real_data / 'mnist'}")[1] for _ in range(2))
    assert many < 8 * few, f"{many:.1f} s against {few:.1f} s"
