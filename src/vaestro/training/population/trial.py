"""Whether a stack pays, and how many members it is best to stack: measured on this machine.

Some members take some steps alone and stacked. What the members are is thrown away afterwards.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from vaestro.training.allocator import freed_memory_kept
from vaestro.training.population.available import available_bytes
from vaestro.training.population.member import Member
from vaestro.training.population.stack import Stack
from vaestro.training.population.step import PopulationStepper
from vaestro.training.step import Stepper

WIDTHS = (4, 16, 64, 256)
SHARE = 0.5
"""A stack may take this much of the memory that is free."""

SECONDS, STEPS = 0.5, (3, 10)
"""A trial's steps take about so long, and are at least and at most so many."""

APART = 1e-3
"""The members' first terms, stacked and alone, may differ by so much of themselves."""


@dataclass(frozen=True)
class Choice:
    """How many members are stacked; 1: they train one by one. `seconds` are those of a step of one
    member, by the width of the stack it stands in; `reason` says why in one sentence. So many as
    `most` can be held at once, stacked or not."""

    width: int
    reason: str
    seconds: dict[str, float] = field(default_factory=dict)
    most: int = 1

    def as_json(self) -> dict[str, Any]:
        """The choice as plain values."""
        return asdict(self)

    def for_fewer(self, count: int) -> "Choice":
        """The choice for `count` members, by the widths that they can fill."""
        if count >= self.width:
            return self
        if count == 1 or self._seconds_at(count) >= self.seconds["1"]:
            return replace(self, width=1, reason=f"One by one, being {count} only. {self.reason}")
        return replace(self, width=count, reason=f"All {count} at once. {self.reason}")

    def _seconds_at(self, count: int) -> float:
        """Those of a step of one of `count` stacked members, between the widths that were measured:
        a share of each member's own and one of what a stack needs once, which is linear in the
        inverse of the width."""
        measured = {int(name): value for name, value in self.seconds.items()}
        below = max(width for width in measured if width <= count)
        above = min(width for width in measured if width >= count)
        if below == above:
            return measured[count]
        part = (1 / count - 1 / above) / (1 / below - 1 / above)
        return part * measured[below] + (1 - part) * measured[above]


def choose(build: Callable[[int], list[Member]], count: int) -> Choice:
    """The best width for `count` members, of which `build` makes as many as it is told, anew.

    Raises DivergedError when the first of them does in the first steps that it takes alone.
    """
    if count == 1:
        return Choice(1, "There is one member.")
    with freed_memory_kept():  # as it is where they train
        return _chosen(build, count)


def _chosen(build: Callable[[int], list[Member]], count: int) -> Choice:
    first = build(1)[0]
    most = min(count, affordable(first))
    alone, terms = _alone(first)
    seconds = {"1": alone}
    for width in _widths(most):
        members = build(width)
        try:
            stacked = _stacked(members, terms)
        except UnlikeError as fault:
            return Choice(1, f"They cannot be stacked: {fault}.", seconds, most)
        seconds[str(width)] = stacked
        if stacked > 1.1 * min(seconds.values()):
            break
    return _best(seconds, most, count)


def _best(seconds: dict[str, float], most: int, count: int) -> Choice:
    width = int(min(seconds, key=lambda name: seconds[name]))
    rounded = {name: round(value, 7) for name, value in seconds.items()}
    if width == 1:
        limit = "" if most > 1 else " (memory holds no two)"
        return Choice(1, f"One by one is fastest here{limit}.", rounded, most)
    times = seconds["1"] / seconds[str(width)]
    waves = "" if width >= count else f", the others follow as members leave ({count} in all)"
    reason = f"{width} at once take a step {times:.1f} times as fast{waves}."
    return Choice(width, reason, rounded, most)


def _widths(most: int) -> Iterator[int]:
    for width in WIDTHS:
        if width < most:
            yield width
    if most > 1:
        yield min(most, WIDTHS[-1])


class UnlikeError(Exception):
    """Stacked members do not do what they do alone."""


def _alone(member: Member) -> tuple[float, Tensor]:
    """Seconds of a step, and the terms of the first one."""
    loop, state = member.loop, member.state
    stepper = Stepper(member.task, loop.config, loop.horizon, loop.seed)
    loop.task.module.train()
    stepper.take(state, loop.batches.batch(state.step))
    terms = torch.stack([total.detach().clone() for total in state.meter.sums[:3]])
    seconds = _timed(lambda: stepper.take(state, loop.batches.batch(state.step)), state)
    return seconds, terms


def _stacked(members: list[Member], terms: Tensor) -> float:
    """Seconds of a step for one of the members. Raises UnlikeError."""
    for member in members:
        member.loop.task.module.train()
    stack = Stack(members)
    stepper = PopulationStepper(stack)

    def take() -> None:
        nonlocal stepper
        _, refused = stepper.take()
        if refused:  # they have left, as they will where they train
            if not len(stack):
                raise UnlikeError("every member diverges in its first steps")
            stepper = PopulationStepper(stack)

    try:
        take()
    except (RuntimeError, NotImplementedError, ValueError) as fault:
        raise UnlikeError(str(fault).splitlines()[0].rstrip(".")) from None
    own = torch.stack([total.detach() for total in members[0].state.meter.sums[:3]])
    if not torch.allclose(own, terms, rtol=APART, atol=1e-6):
        raise UnlikeError("a member's first terms differ from those that it has alone")
    return _timed(take, members[0].state) / len(members)


def _timed(step: Callable[[], object], state: Any) -> float:
    """The median seconds of a step."""
    device = state.meter.sums[0].device
    taken: list[float] = []
    began = time.perf_counter()
    while len(taken) < STEPS[0] or (
        len(taken) < STEPS[1] and time.perf_counter() - began < SECONDS
    ):
        at = time.perf_counter()
        step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        taken.append(time.perf_counter() - at)
    return sorted(taken)[len(taken) // 2]


def affordable(member: Member) -> int:
    """How many members like this one memory holds: what a step keeps for its backward pass, and
    weights, gradients and the optimiser's averages, each with a copy to spare."""
    seen: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        seen[storage.data_ptr()] = storage.nbytes()
        return tensor

    state, loop = member.state, member.loop
    batch = loop.batches.batch(state.step)
    buffers = [buffer.clone() for buffer in state.module.buffers()]
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        member.task.terms(batch, state.control, state.step)
    for buffer, value in zip(state.module.buffers(), buffers, strict=True):
        buffer.copy_(value)
    weights = sum(p.numel() * p.element_size() for p in state.module.parameters())
    each = sum(seen.values()) + 6 * weights
    return max(1, int(SHARE * available_bytes(batch.x.device) / each))
