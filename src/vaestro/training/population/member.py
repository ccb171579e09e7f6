"""One member of a population: a run like any other, whose tensors lie in a stack.

Its module, optimiser, meter and averages are views of one row of the stack, so that validation,
monitor and checkpoint read a member as they read a run that trains alone.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vaestro.training.config import AdamConfig, AdamWConfig, OptimiserConfig, RMSpropConfig
from vaestro.training.loop import Loop
from vaestro.training.population.stackable import Stackable
from vaestro.training.state import TrainState

OF_THE_DATA = ("transform.",)
"""Where a model keeps what belongs to its data: fitted once, and never trained."""


@dataclass
class Member:
    """A run of the population: its place in the plan, its engine and its state. `of_the_data`: how
    the names of tensors begin that members on the same data have in common."""

    number: int
    loop: Loop
    task: Stackable
    state: TrainState
    of_the_data: tuple[str, ...] = OF_THE_DATA


def epoch_of(member: Member) -> int:
    """How many epochs the member has behind it."""
    return member.state.step // member.loop.horizon.steps_per_epoch


class Place(NamedTuple):
    """Where a tensor of a member's state is: its value now, and how to put another there."""

    value: Tensor
    put: Callable[[Tensor], None]


def moments(config: OptimiserConfig) -> tuple[str, ...]:
    """The names under which torch's optimiser keeps its averages of a parameter's gradient."""
    match config:
        case AdamConfig() | AdamWConfig():
            return ("exp_avg", "exp_avg_sq")
        case RMSpropConfig(momentum=momentum):
            return ("square_avg", "momentum_buffer") if momentum else ("square_avg",)


def places(member: Member) -> dict[str, Place]:
    """Every tensor of the member's state that changes from step to step, by a unique name."""
    state = member.state
    found = {f"module/{name}": _of_module(tensor) for name, tensor in tensors_of(state.module)}
    for name, parameter in state.module.named_parameters():
        if parameter.requires_grad:
            found |= dict(_of_optimiser(member, name, parameter))
    found["optimiser/step"] = _count(member)
    for index in range(len(state.meter.sums)):
        found[f"meter/{index}"] = _of_meter(state, index)
    for name in state.control._fields:
        found[f"control/{name}"] = _of_control(state, name)
    if member.loop.config.ema:
        found |= dict(_of_average(state))
    return found


def tensors_of(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """The parameters and buffers of `module` by name, those that are not saved included."""
    yield from module.named_parameters()
    yield from module.named_buffers()


def _of_module(tensor: Tensor) -> Place:
    def put(value: Tensor) -> None:
        tensor.data = value

    return Place(tensor.detach(), put)


def _of_optimiser(member: Member, name: str, parameter: Tensor) -> Iterator[tuple[str, Place]]:
    slots = member.state.optimiser.state[parameter]
    for slot in moments(member.loop.config.optimiser):
        if slot not in slots:
            slots[slot] = torch.zeros_like(parameter, memory_format=torch.contiguous_format)
        yield f"optimiser/{name}/{slot}", Place(slots[slot], _putter(slots, slot))


def _putter(where: dict[str, Tensor], key: str) -> Callable[[Tensor], None]:
    def put(value: Tensor) -> None:
        where[key] = value

    return put


def _count(member: Member) -> Place:
    """The optimiser's count of steps, which torch keeps once for each parameter."""
    every = [
        member.state.optimiser.state[parameter]
        for parameter in member.state.module.parameters()
        if parameter.requires_grad
    ]
    value = every[0].get("step", torch.zeros((), device=member.state.meter.sums[0].device))

    def put(value: Tensor) -> None:
        for slots in every:
            slots["step"] = value

    return Place(value, put)


def _of_meter(state: TrainState, index: int) -> Place:
    def put(value: Tensor) -> None:
        sums = list(state.meter.sums)
        sums[index] = value
        state.meter.sums = tuple(sums)

    return Place(state.meter.sums[index], put)


def _of_control(state: TrainState, name: str) -> Place:
    def put(value: Tensor) -> None:
        state.control = state.control._replace(**{name: value})

    return Place(getattr(state.control, name), put)


def _of_average(state: TrainState) -> Iterator[tuple[str, Place]]:
    """The averaged weights: before the first step they are the weights."""
    for name, parameter in state.module.named_parameters():
        if name not in state.average:
            state.average[name] = parameter.detach().clone()
        yield f"average/{name}", Place(state.average[name], _putter(state.average, name))


def separate(member: Member) -> None:
    """Give the member tensors of its own, as a run that trains alone has them."""
    for place in places(member).values():
        place.put(place.value.clone())
    for slots in member.state.optimiser.state.values():
        slots["step"] = slots["step"].clone()  # torch counts each parameter's steps for itself
