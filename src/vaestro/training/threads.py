"""How many threads of the CPU take a step fastest, measured on steps that are thrown away."""

import os
import time
from dataclasses import dataclass
from statistics import median

import torch

from vaestro.foundation.errors import DivergedError
from vaestro.foundation.schedules import Horizon
from vaestro.training.config import TrainingConfig
from vaestro.training.elbo import ElboTask
from vaestro.training.importance import ImportanceTask
from vaestro.training.initial_state import fresh_state
from vaestro.training.loop import Batches
from vaestro.training.state import TrainState
from vaestro.training.step import Stepper

SHARE, SECONDS = 0.02, 1.0
"""The trial takes at most this share of the run, and no more rounds after so many seconds."""

ROUNDS = 3
"""Every number is timed so often at least; a run too short for that is not timed at all."""

UNTIMED = 2
"""First steps that are not counted: they allocate memory and choose kernels."""

AS_FAST = 1.03
"""Among numbers that differ by less than this, the smallest is chosen."""


@dataclass(frozen=True)
class ThreadChoice:
    """`threads`, chosen; `seconds`: the median of a step by number of threads."""

    threads: int
    seconds: dict[int, float]

    @property
    def sentence(self) -> str:
        """What was measured and chosen."""
        each = ", ".join(f"{1000 * s:.3g} ms on {n}" for n, s in sorted(self.seconds.items()))
        s = "" if self.threads == 1 else "s"
        return f"Training on {self.threads} thread{s}: a step takes {each}."


def fastest(
    task: ElboTask | ImportanceTask,
    batches: Batches,
    config: TrainingConfig,
    horizon: Horizon,
    seed: int,
) -> ThreadChoice | None:
    """The best number of threads for this run on this machine, None for a run too short to ask.

    `task` is a copy, which takes the steps. Batches and noise are functions of the step and torch's
    random state and number of threads are put back, so a run that follows is as without. The
    numbers take turns, a step each, so that a drift of the machine's speed hits all of them.
    """
    ours = torch.get_num_threads()
    task.module.train()
    state = fresh_state(task, config, next(task.module.parameters()).device)
    trial = _Trial(Stepper(task, config, horizon, seed), batches, state)
    try:
        with torch.random.fork_rng([]):
            return _chosen(trial, horizon.steps)
    except DivergedError:
        return None  # the run will say so
    finally:
        torch.set_num_threads(ours)


@dataclass
class _Trial:
    """Steps to throw away, one after the other."""

    stepper: Stepper
    batches: Batches
    state: TrainState

    def step(self, threads: int) -> float:
        """The seconds of the next step on so many threads, its batch read with it."""
        torch.set_num_threads(threads)
        began = time.perf_counter()
        self.stepper.take(self.state, self.batches.batch(self.state.step))
        return time.perf_counter() - began


def _chosen(trial: _Trial, steps: int) -> ThreadChoice | None:
    numbers = candidates()
    once = min(trial.step(torch.get_num_threads()) for _ in range(UNTIMED))
    least = (ROUNDS + 1) * len(numbers) * once
    allowed = SHARE * steps * once
    if len(numbers) == 1 or least > allowed:
        return None
    for number in numbers:
        trial.step(number)  # its threads are started
    taken: dict[int, list[float]] = {number: [] for number in numbers}
    began, allowed = time.perf_counter(), min(allowed, SECONDS)
    while len(taken[1]) < ROUNDS or time.perf_counter() - began < allowed:
        for number in numbers:
            taken[number].append(trial.step(number))
    seconds = {number: median(times) for number, times in taken.items()}
    return ThreadChoice(fewest(seconds), seconds)


def fewest(seconds: dict[int, float]) -> int:
    """The smallest number of threads that is as fast as the fastest, but for AS_FAST."""
    best = min(seconds.values())
    return min(number for number, taken in seconds.items() if taken <= AS_FAST * best)


def candidates() -> list[int]:
    """1, 2, 4, ... and the number of cores that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    most = cores or 1
    return sorted({most, *(2**power for power in range(most.bit_length()))})
