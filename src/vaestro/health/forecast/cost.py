"""What a run will cost: seconds and memory, from a few of its own steps taken on a copy.

Shape letters: B batch.
"""

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from statistics import median

import torch

from vaestro.foundation.errors import DivergedError
from vaestro.foundation.samples import Batch
from vaestro.foundation.schedules import Horizon
from vaestro.health.forecast.memory import Peak
from vaestro.health.task_copy import AnyTask, task_copy
from vaestro.training.allocator import freed_memory_kept
from vaestro.training.config import TrainingConfig
from vaestro.training.initial_state import fresh_state
from vaestro.training.loop import Batches
from vaestro.training.step import Stepper

UNTIMED = 2
"""First steps that are not counted: they allocate memory, choose kernels, compile."""

LEAST, MOST = 4, 40
"""How many steps are timed, between these, until the time allowed is over."""

DRIFT = 0.1
"""A machine's own speed drifts by about a tenth, however steady a few steps were."""


@dataclass(frozen=True)
class Cost:
    """`seconds` of the whole run, `low` to `high` as its steps differ; `memory`: the peak of the
    process (or of the device that it trains on) in bytes, None where the system does not tell.

    `step_seconds`, `validation_seconds`, `snapshot_seconds`: of one of each.
    """

    seconds: float
    low: float
    high: float
    step_seconds: float
    validation_seconds: float
    snapshot_seconds: float
    memory: int | None
    timed_steps: int

    @property
    def sentence(self) -> str:
        """`about 3 min 20 s on this machine (3 min to 3 min 40 s), 410 MiB`."""
        span = f"({duration(self.low)} to {duration(self.high)})"
        memory = "" if self.memory is None else f", {mebibytes(self.memory)}"
        return f"about {duration(self.seconds)} on this machine {span}{memory}"


def expected_cost(
    task: AnyTask,
    batches: Batches,
    validation: Iterable[Batch],
    held_out: int,
    config: TrainingConfig,
    horizon: Horizon,
    seed: int,
    snapshot: Callable[[], object] | None = None,
    allowed: float = 2.0,
) -> Cost:
    """The cost of the run whose loop would have these parts.

    `validation` are the batches of the validation split and `held_out` its number of samples.
    Steps are taken on copies of the module and of nothing else; batches and noise are functions of
    the step, and torch's global generators are put back: a run started afterwards is bit-identical
    to one without. `snapshot` writes one somewhere else and is called once. `allowed`: seconds for
    the timed steps, and again for the validation. A recipe that diverges in these very steps is
    timed by those before.
    """
    with torch.random.fork_rng(), torch.enable_grad():
        copied = task_copy(task)
        with freed_memory_kept(), Peak(next(copied.module.parameters()).device) as peak:
            steps = _step_seconds(copied, batches, config, horizon, seed, allowed)
            once = _validation_seconds(copied, validation, held_out, allowed)
            drawn = 0.0 if snapshot is None else _seconds(snapshot)
        own = sum(p.numel() * p.element_size() for p in copied.module.parameters())
    validations = 1 + horizon.steps // (horizon.steps_per_epoch * config.validate_epochs)
    snapshots = 1 + horizon.steps // (horizon.steps_per_epoch * config.snapshot_epochs)
    at_the_end = 1.0 + horizon.steps_per_epoch * config.batch_size / max(1, held_out)
    beside = (validations + at_the_end) * once + snapshots * drawn
    middle, (quick, slow) = median(steps), _spread(steps)
    seconds = horizon.steps * middle + beside
    return Cost(
        seconds=seconds,
        low=seconds * quick / middle,
        high=seconds * slow / middle,
        step_seconds=middle,
        validation_seconds=once,
        snapshot_seconds=drawn,
        memory=None if peak.bytes is None else peak.bytes - own,
        timed_steps=len(steps),
    )


def _step_seconds(
    task: AnyTask,
    batches: Batches,
    config: TrainingConfig,
    horizon: Horizon,
    seed: int,
    allowed: float,
) -> list[float]:
    """The seconds of each timed step, its batch read with it."""
    vae = task.module.train()
    device = next(vae.parameters()).device
    state = fresh_state(task, config, device)
    stepper = Stepper(task, config, horizon, seed)
    taken: list[float] = []
    while len(taken) < UNTIMED + MOST:
        began = time.perf_counter()
        with suppress(DivergedError):
            stepper.take(state, batches.batch(state.step))
        _finish(device)
        taken.append(time.perf_counter() - began)
        timed = taken[UNTIMED:]
        if state.step < len(taken) or (len(timed) >= LEAST and sum(timed) > allowed):
            break
    return taken[UNTIMED:] or taken


def _spread(steps: list[float]) -> tuple[float, float]:
    """Seconds that a tenth of the steps stay below and a tenth exceed, at least DRIFT away."""
    ordered, middle = sorted(steps), median(steps)
    tenth = len(ordered) // 10
    quick, slow = ordered[tenth], ordered[-1 - tenth]
    return min(quick, middle / (1 + DRIFT)), max(slow, middle * (1 + DRIFT))


def _validation_seconds(
    task: AnyTask, validation: Iterable[Batch], held_out: int, allowed: float
) -> float:
    """The seconds of one validation pass: of the whole, or as its first batches promise."""
    vae = task.module.eval()
    control = task.initial_control(next(vae.parameters()).device)
    began, done = time.perf_counter(), 0
    for batch in validation:
        task.validate([batch], control)
        done += len(batch.x)
        if time.perf_counter() - began > allowed:
            break
    return (time.perf_counter() - began) * held_out / max(1, done)


def _seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def _finish(device: torch.device) -> None:
    """Wait until an accelerator has done what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def duration(seconds: float) -> str:
    """`0.4 s`, `42 s`, `3 min 20 s`, `2 h 10 min`, `3 d 4 h`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    for name, length, inner, part in _UNITS:
        if seconds >= length:
            whole = round(seconds / part) * part
            rest = round((whole % length) / part)
            return f"{int(whole // length)} {name}" + (f" {rest} {inner}" if rest else "")
    return f"{seconds:.0f} s"


_UNITS = (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1))


def mebibytes(size: int) -> str:
    """`410 MiB`, `3.2 GiB`."""
    mebi = size / 2**20
    return f"{mebi:.0f} MiB" if mebi < 1024 else f"{mebi / 1024:.1f} GiB"
