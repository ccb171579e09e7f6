"""Who looks on while a run trains: the keeper of snapshots and times, and the monitor."""

import time
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from vaestro.experiments.assemble import Assembly
from vaestro.foundation.files import new_file, read_json
from vaestro.foundation.randomness import Stream
from vaestro.foundation.samples import Batch
from vaestro.generation.sampling import sample
from vaestro.health.baselines import constant_data_term
from vaestro.health.monitor.causes import words
from vaestro.health.monitor.monitor import PROBE_SAMPLES, RunMonitor
from vaestro.health.monitor.sight import Known
from vaestro.runs.folder import RunFolder
from vaestro.runs.history import append_record
from vaestro.training.config import OffConfig
from vaestro.training.state import TrainState

SHOWN = 16

BASELINE_SAMPLES, MOST_NUMBERS = 2048, 4_000_000
"""The monitor's baseline is taken on so many samples, of so many numbers in all."""


class Display(Protocol):
    """What shows progress to a person."""

    def started(self, assembly: Assembly, step: int) -> None:
        """The run is about to take its first step (or the first after a resume)."""

    def stepped(self, step: int) -> None:
        """A step was finished."""

    def recorded(self, record: dict[str, Any]) -> None:
        """A record entered the history."""

    def say(self, text: str) -> None:
        """A sentence for the person."""


class Keeper:
    """The loop's watcher: forwards to the display, keeps snapshots and times."""

    def __init__(self, folder: RunFolder, assembly: Assembly, display: Display) -> None:
        self.folder = folder
        self.assembly = assembly
        self.display = display
        self.began = time.monotonic()

    def stepped(self, step: int) -> None:
        """Forward to the display."""
        self.display.stepped(step)

    def recorded(self, record: dict[str, Any]) -> None:
        """Forward, and note when it happened in a file that is no part of the history."""
        self.display.recorded(record)
        seconds = round(time.monotonic() - self.began, 3)
        append_record(self.folder.times, {"step": record["step"], "seconds": seconds})

    def noticed(self, event: dict[str, Any]) -> None:
        """Tell the person, in words with what to change."""
        self.display.say(words(event))

    def validated(self, state: TrainState, epoch: int) -> None:
        """Every snapshot_epochs: fixed held-out samples, their copies, samples from the prior."""
        if epoch % self.assembly.recipe.training.snapshot_epochs == 0:
            write_snapshot(self.folder.snapshots / f"epoch-{epoch:04d}.npz", self.assembly)


def forecast_eigenvalue(folder: RunFolder, assembly: Assembly) -> float | None:
    """The largest eigenvalue relative to the effective beta, as the run's forecast has it; None
    where there is no forecast. A remedy may have changed beta since."""
    if not folder.forecast.is_file():
        return None
    told, beta = read_json(folder.forecast), assembly.effective["effective_beta"]
    if not told["eigenvalues"] or not told["effective_beta"] or not beta:
        return None
    leading = (told["eigenvalues_held_out"] or told["eigenvalues"])[0]
    return float(leading * told["effective_beta"] / beta)


def monitor_of(
    assembly: Assembly, ppca: float | None = None, eigenvalue: float | None = None
) -> RunMonitor | None:
    """The monitor that the recipe asks for. `ppca` and `eigenvalue`: what a forecast knows, in
    nats per sample and relative to the effective beta."""
    training = assembly.recipe.training
    if isinstance(training.monitor, OffConfig):
        return None

    def known() -> Known:
        x = torch.cat([batch.x for batch in some(BASELINE_SAMPLES)])
        return Known(constant_data_term(assembly.vae, x), ppca, eigenvalue)

    def some(most: int) -> list[Batch]:
        most = min(most, max(PROBE_SAMPLES, MOST_NUMBERS // assembly.material.spec.elements))
        return list(assembly.material.some("train", most))

    def batch() -> Batch:
        return some(min(PROBE_SAMPLES, training.batch_size))[0]

    return RunMonitor(assembly.task, training, assembly.horizon, known, batch)


@torch.inference_mode()
def write_snapshot(path: Path, assembly: Assembly) -> None:
    """Write the 16 fixed reconstructions and samples; natural units, float32."""
    vae = assembly.vae
    batch = next(iter(assembly.material.some("validation", SHOWN)))
    write_arrays(
        path,
        original=batch.truth,
        reconstruction=vae.generate(vae.encode(batch.x, batch.given).mean, batch.given),
        samples=sample(vae, SHOWN, assembly.recipe.seed, stream=Stream.PICTURES),
    )


def write_arrays(path: Path, **arrays: torch.Tensor) -> None:
    """Write tensors as a compressed .npz of float32 (integers kept), whole or not at all."""
    plain = {}
    for name, tensor in arrays.items():
        array = tensor.detach().cpu().numpy()
        plain[name] = array.astype(np.float32) if array.dtype.kind == "f" else array
    with new_file(path) as staging:
        np.savez_compressed(staging, allow_pickle=False, **plain)
