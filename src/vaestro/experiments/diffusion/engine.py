"""One training of a diffusion prior, from a state to its end, by the loop that trains a VAE."""

import time
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import torch

from vaestro.experiments.diffusion.finish import finish
from vaestro.experiments.diffusion.parts import DiffusionParts
from vaestro.experiments.diffusion.watch import DiffusionDisplay, DiffusionKeeper
from vaestro.foundation.errors import DivergedError
from vaestro.foundation.files import write_json
from vaestro.generation.diffusion.monitor import DiffusionMonitor
from vaestro.runs.folder import RunFolder
from vaestro.runs.history import History
from vaestro.runs.weights_digest import weights_digest
from vaestro.training.config import StopConfig, WarnConfig
from vaestro.training.loop import Loop, Status
from vaestro.training.state import TrainState


def carry_out(
    folder: RunFolder, parts: DiffusionParts, state: TrainState, display: DiffusionDisplay
) -> dict[str, Any]:
    """Train to the end and write what the end writes; returns the summary. Raises DivergedError
    with the last good state saved."""
    began, first = time.monotonic(), state.step
    loop = engine(folder, parts, state, display)
    display.started(parts, state.step)
    how: Status | DivergedError
    try:
        how = loop.run(state)
    except DivergedError as fault:
        how = fault
    finally:
        close(loop, parts)
    trained = (state.step - first) * parts.recipe.training.batch_size
    summary = write_end(folder, parts, state, how, time.monotonic() - began, trained)
    if isinstance(how, DivergedError):
        raise how
    return summary


def write_end(
    folder: RunFolder,
    parts: DiffusionParts,
    state: TrainState,
    how: Status | DivergedError,
    seconds: float,
    trained: int,
) -> dict[str, Any]:
    """Write what the end of a training leaves; `trained`: samples, in `seconds`. Returns the
    summary."""
    status = "diverged" if isinstance(how, DivergedError) else how
    summary: dict[str, Any] = {
        "run": str(parts.run.folder.root),
        "prior": str(folder.root),
        "status": status,
    }
    if isinstance(how, DivergedError):
        summary |= {"verdict": "diverged", "sentence": str(how)}
    elif how == "interrupted":
        summary["sentence"] = f"Interrupted at step {state.step}; go on with --resume."
    else:
        summary |= finish(folder, parts, state, seconds, weights_digest(parts.run.folder.root))
    rate = round(trained / seconds, 1) if trained else None
    summary |= {"steps": state.step, "seconds": round(seconds, 3), "samples_per_second": rate}
    write_json(folder.summary, summary)
    folder.update_manifest(status=status)
    return summary


def close(loop: Loop, parts: DiffusionParts) -> None:
    """Let go of the files and of the thread that reads ahead."""
    loop.history.close()
    loop.events.close()
    parts.stream.close()


def engine(
    folder: RunFolder, parts: DiffusionParts, state: TrainState, display: DiffusionDisplay
) -> Loop:
    """The same loop that trains a VAE, on this task."""
    config = parts.recipe.training
    watch = config.monitor
    return Loop(
        task=parts.task,
        batches=parts.stream,
        validation=parts.batches("validation"),
        config=config,
        plan=parts.plan,
        horizon=parts.horizon,
        seed=parts.recipe.seed,
        folder=folder.checkpoints,
        history=History(folder.history, state.history_bytes),
        events=History(folder.events, state.events_bytes),
        watcher=DiffusionKeeper(folder, parts, display),
        monitor=DiffusionMonitor(watch, parts.horizon)
        if isinstance(watch, WarnConfig | StopConfig)
        else None,
    )


def write_manifest(folder: RunFolder, parts: DiffusionParts) -> None:
    """Write what a training begins with: versions, the model, its latents, the plan."""
    module = parts.module
    folder.update_manifest(
        vaestro=version("vaestro"),
        torch=torch.__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        status="running",
        model_sha256=weights_digest(parts.run.folder.root),
        shape=list(module.shape),
        train=len(parts.train),
        validation=len(parts.validation),
        standardisation=module.standard.facts(),
        parameters=sum(p.numel() for p in module.parameters()),
        plan=parts.plan.describe(),
    )
