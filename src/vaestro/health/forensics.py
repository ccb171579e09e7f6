"""NaN forensics: what broke a training step, and whether 64 bits would have borne it.

The step that the guard refused is taken again, on copies, from the state before it.
Shape letters: B batch.
"""

import math
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch

from vaestro.foundation.plain import plain
from vaestro.foundation.samples import Batch
from vaestro.health.first_bad import Bad, SameNoise, Trace, watched_step
from vaestro.health.growth import Growth
from vaestro.health.task_copy import AnyTask, task_copy
from vaestro.probability.beta import BetaState
from vaestro.training.importance import ImportanceTask

Cause = Literal["data", "overflow", "singularity", "none"]
"""data: they are not finite themselves; overflow: 64 bits bear the same step; singularity: they do
not either; none: the step is finite when it is taken again."""


@dataclass(frozen=True)
class Forensics:
    """Why step `step` (counted from 1) was refused.

    `first`: the first bad operation, None where nothing is bad; `samples`: the numbers in the data
    set of the samples at fault, or of the whole batch where none stands out; `worst`: the largest
    absolute number on the way in 64 bits, None where that step is not finite.
    `reproduced`: whether the steps before, taken again, gave the kept weights bit for bit; None
    where none were.
    """

    step: int
    cause: Cause
    first: Bad | None
    samples: tuple[int, ...]
    whole_batch: bool
    worst: float | None
    growth: Growth
    learning_rate: float
    reproduced: bool | None
    remedies: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What happened, in one line."""
        return " ".join([self._what(), self._why(), self._path()]).strip()

    def _what(self) -> str:
        shown = ", ".join(map(str, self.samples[:5])) + (", ..." if len(self.samples) > 5 else "")
        who = f"{'its batch is' if self.whole_batch else 'at fault:'} training samples {shown}"
        if self.cause == "none":
            return f"step {self.step} is finite when it is taken again on this machine ({who})."
        if self.cause == "data":
            return f"step {self.step}: the data are not finite ({who})."
        if self.first is None:
            return f"step {self.step} is not finite ({who})."
        side = "the gradient of " if self.first.backward else ""
        return (
            f"step {self.step}: {self.first.operation} in {side}{self.first.layer} gives "
            f"{self.first.value} of numbers up to {self.first.read:.3g} ({who})."
        )

    def _why(self) -> str:
        if self.cause == "overflow":
            return (
                "In 64 bits the same step is finite: an overflow of 32 bits, by numbers up to "
                f"{self.worst:.3g}."
            )
        if self.cause == "singularity":
            return "In 64 bits it is not finite either: a real singularity, not a want of range."
        return ""

    def _path(self) -> str:
        steepest = self.growth.steepest()
        if steepest is None or steepest[1] < 2 or not math.isfinite(steepest[1]):
            return ""
        name, times = steepest
        steps = len(self.growth.steps) - 1
        last = "the last step" if steps == 1 else f"the last {steps} steps"
        return f"{name} grew {times:.3g} times over {last}."

    def as_json(self) -> dict[str, Any]:
        """Plain values, not-finite numbers as null."""
        values = asdict(self) | {"sentence": self.sentence}
        told: dict[str, Any] = plain(values)
        return told


def examine(
    task: AnyTask,
    batch: Batch,
    control: BetaState,
    step: int,
    growth: Growth,
    learning_rate: float,
    reproduced: bool | None = None,
    sound: Batch | None = None,
) -> Forensics:
    """Take the refused step `step` (counted from 0) again, in 32 and in 64 bits, on copies.

    `sound`: the batch of a step that was finite; what is infinite there too is no fault.
    """
    double = _trace(task, batch, control, step, double=True)
    single = _trace(task, batch, control, step)
    first = _first(single, double, task, sound, control, step)
    rows = _rows(batch) or (() if first is None else first.rows)
    rows = rows if len(rows) < len(batch.x) else ()  # all of them: none stands out
    samples = batch.indices[list(rows)] if rows else batch.indices
    return Forensics(
        step=step + 1,
        cause=_cause(batch, single, double),
        first=first,
        samples=tuple(samples.tolist()),
        whole_batch=not rows,
        worst=double.largest if double.finite else None,
        growth=growth,
        learning_rate=learning_rate,
        reproduced=reproduced,
    )


def _trace(
    task: AnyTask, batch: Batch, control: BetaState, step: int, double: bool = False
) -> Trace:
    """The step on a copy of the model, in 64 bits of the same numbers and noise if `double`."""
    copied = task_copy(task, double)
    with torch.random.fork_rng(), SameNoise() if double else nullcontext():
        return watched_step(copied, _wide(batch) if double else batch, control, step, _seed(task))


def _seed(task: AnyTask) -> int:
    return task.elbo.seed if isinstance(task, ImportanceTask) else task.seed


def _wide(batch: Batch) -> Batch:
    wide = {
        name: value.double()
        for name, value in batch._asdict().items()
        if isinstance(value, torch.Tensor) and value.is_floating_point()
    }
    return batch._replace(**wide)


def _cause(batch: Batch, single: Trace, double: Trace) -> Cause:
    if _rows(batch):
        return "data"
    if single.finite:
        return "none"
    return "overflow" if double.finite else "singularity"


def _first(
    single: Trace,
    double: Trace,
    task: AnyTask,
    sound: Batch | None,
    control: BetaState,
    step: int,
) -> Bad | None:
    """The first bad operation that a finite step does not have."""
    if single.finite:
        return None
    usual = double if double.finite or sound is None else _trace(task, sound, control, step - 1)
    known = {bad.place for bad in usual.bad} if usual.finite else set()
    return next((bad for bad in single.bad if bad.place not in known), None)


def _rows(batch: Batch) -> tuple[int, ...]:
    """The places of samples that are not finite themselves."""
    bad = ~torch.isfinite(batch.x.flatten(1)).all(1)
    return tuple(bad.nonzero().flatten().tolist())
