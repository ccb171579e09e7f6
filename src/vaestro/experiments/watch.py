"""Who looks on while a run trains: the keeper of snapshots and times, and the monitor."""

import time
from typing import Any, Protocol

import torch

from vaestro.experiments.assemble import Assembly
from vaestro.experiments.forecasting.foreseen import NOTHING, Foreseen
from vaestro.experiments.remedies import chosen_of
from vaestro.experiments.snapshots import write_snapshot
from vaestro.foundation.samples import Batch
from vaestro.health.baselines import constant_data_term, dropped_nats
from vaestro.health.monitor.causes import words
from vaestro.health.monitor.monitor import PROBE_SAMPLES, RunMonitor
from vaestro.health.monitor.sight import Known
from vaestro.runs.folder import RunFolder
from vaestro.runs.history import append_record
from vaestro.training.config import OffConfig
from vaestro.training.state import TrainState

BASELINE_SAMPLES, MOST_NUMBERS = 2048, 4_000_000
"""The monitor's baseline is taken on so many samples, of so many numbers in all."""


class Onlooker(Protocol):
    """Told how a training goes on, whatever is trained."""

    def stepped(self, step: int) -> None:
        """A step was finished."""

    def recorded(self, record: dict[str, Any]) -> None:
        """A record entered the history."""

    def say(self, text: str) -> None:
        """A sentence for the person."""


class Display(Onlooker, Protocol):
    """What shows progress to a person."""

    def started(self, assembly: Assembly, step: int) -> None:
        """The run is about to take its first step (or the first after a resume)."""


class Times:
    """When a record entered the history, in a file that is no part of the history."""

    def __init__(self, folder: RunFolder) -> None:
        self.path, self.began = folder.times, time.monotonic()

    def note(self, record: dict[str, Any]) -> None:
        """Write down when `record` came."""
        seconds = round(time.monotonic() - self.began, 3)
        append_record(self.path, {"step": record["step"], "seconds": seconds})


class Keeper:
    """The loop's watcher: forwards to the display, keeps snapshots and times."""

    def __init__(self, folder: RunFolder, assembly: Assembly, display: Display) -> None:
        self.folder = folder
        self.assembly = assembly
        self.display = display
        self.times = Times(folder)

    def stepped(self, step: int) -> None:
        """Forward to the display."""
        self.display.stepped(step)

    def recorded(self, record: dict[str, Any]) -> None:
        """Forward, and note when it happened."""
        self.display.recorded(record)
        self.times.note(record)

    def noticed(self, event: dict[str, Any]) -> None:
        """Tell the person, in words with what to change."""
        self.display.say(words(event))

    def validated(self, state: TrainState, epoch: int) -> None:
        """Every snapshot_epochs: fixed held-out samples, their copies, samples from the prior."""
        if epoch % self.assembly.recipe.training.snapshot_epochs == 0:
            write_snapshot(self.folder.snapshots / f"epoch-{epoch:04d}.npz", self.assembly)


class Quiet:
    """A display that shows nothing, and a loop's watcher that keeps nothing: for training from
    Python, and for the processes beside the first."""

    def started(self, assembly: Assembly, step: int) -> None:
        """Nothing."""

    def stepped(self, step: int) -> None:
        """Nothing."""

    def recorded(self, record: dict[str, Any]) -> None:
        """Nothing."""

    def noticed(self, event: dict[str, Any]) -> None:
        """Nothing."""

    def validated(self, state: TrainState, epoch: int) -> None:
        """Nothing."""

    def say(self, text: str) -> None:
        """Nothing."""


def monitor_of(assembly: Assembly, seen: Foreseen = NOTHING) -> RunMonitor | None:
    """The monitor that the recipe asks for; `seen`: what the run's forecast knows."""
    training = assembly.recipe.training
    if isinstance(training.monitor, OffConfig):
        return None

    def known() -> Known:
        x = torch.cat([batch.x for batch in some(BASELINE_SAMPLES)])
        constant = constant_data_term(assembly.vae, x)
        beside = dropped_nats(assembly.vae, assembly.material.batches("validation")())
        return Known(constant, seen.ppca, seen.eigenvalue, beside)

    def some(most: int) -> list[Batch]:
        most = min(most, max(PROBE_SAMPLES, MOST_NUMBERS // assembly.material.spec.elements))
        return list(assembly.material.some("train", most))

    def batch() -> Batch:
        return some(min(PROBE_SAMPLES, training.batch_size))[0]

    return RunMonitor(assembly.task, chosen_of(assembly), seen.escape, known, batch)
