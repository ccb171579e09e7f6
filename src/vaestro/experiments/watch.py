"""What a run keeps while it trains: snapshots and wall-clock times, beside the exact history."""

import time
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from vaestro.experiments.assemble import Assembly
from vaestro.foundation.files import new_file
from vaestro.foundation.randomness import Stream
from vaestro.generation.sampling import sample
from vaestro.runs.folder import RunFolder
from vaestro.runs.history import append_record
from vaestro.training.state import TrainState

SHOWN = 16


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

    def validated(self, state: TrainState, epoch: int) -> None:
        """Every snapshot_epochs: fixed held-out samples, their copies, samples from the prior."""
        if epoch % self.assembly.recipe.training.snapshot_epochs == 0:
            write_snapshot(self.folder.snapshots / f"epoch-{epoch:04d}.npz", self.assembly)


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
