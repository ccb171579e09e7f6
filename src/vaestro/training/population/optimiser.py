"""One optimiser step for K members, each with its own rate, decay, betas and count of steps.

The arithmetic is torch's: where all members have the same settings and count, its fused kernel
over whole stacks; on a CPU, where that is faster, the kernel once for each member; else the same
formulas over stacked tensors. Shape letters: K members, * a parameter's axes.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from vaestro.training.config import AdamConfig, AdamWConfig, RMSpropConfig
from vaestro.training.fused_adam import fused_adam
from vaestro.training.population.member import Member
from vaestro.training.population.stack import Stack

Settings = tuple[float, ...]
"""Learning rate, weight decay, and the optimiser's own numbers."""

LARGE = 50_000
"""From so many numbers a member on, a CPU is faster with a kernel call for each member: one pass
over the memory in the place of a dozen. 16 members of 650,000 numbers took 8 ms instead of 60; of
10,000 numbers both took 0.5 ms, and 64 members 5 ms instead of 1.5."""


class Slots(NamedTuple):
    """What Adam reads and changes: stacked (K, *), or one member's own (*)."""

    parameters: list[Tensor]
    gradients: list[Tensor]
    means: list[Tensor]
    squares: list[Tensor]

    @classmethod
    def of(cls, stack: Stack, names: Sequence[str]) -> "Slots":
        """Of whole stacks."""
        parameters = [stack.tensors[f"module/{name}"] for name in names]
        return cls(
            parameters,
            [parameter.grad for parameter in parameters if parameter.grad is not None],
            [stack.tensors[f"optimiser/{name}/exp_avg"] for name in names],
            [stack.tensors[f"optimiser/{name}/exp_avg_sq"] for name in names],
        )

    def each(self) -> Iterator["Slots"]:
        """Of each member, as views."""
        columns = [zip(*(tensor.unbind(0) for tensor in part), strict=True) for part in self]
        for rows in zip(*columns, strict=True):
            yield Slots(*map(list, rows))

    @property
    def large(self) -> bool:
        """Whether a kernel call for each member pays here."""
        first = self.parameters[0]
        numbers = sum(parameter[0].numel() for parameter in self.parameters)
        return first.device.type == "cpu" and numbers >= LARGE


@torch.no_grad()
def update(stack: Stack) -> None:
    """Apply the gradients of the stacked parameters (K, *), and count the step."""
    settings = [settings_of(member) for member in stack.members]
    optimiser = stack.members[0].loop.config.optimiser
    names = [n for n, t in stack.under("module").items() if t.grad is not None]
    if isinstance(optimiser, RMSpropConfig):
        steps = stack.tensors["optimiser/step"]
        steps += 1
        _rmsprop(stack, names, Columns(settings, steps))
    else:
        _adam_step(stack, Slots.of(stack, names), settings, isinstance(optimiser, AdamWConfig))


def _adam_step(stack: Stack, slots: Slots, settings: Sequence[Settings], decoupled: bool) -> None:
    """Adam's step, by whatever is fastest here."""
    steps = stack.tensors["optimiser/step"]
    steps += 1
    if _alike(stack.members, settings):
        _fused(slots, settings[0], steps[0], decoupled)
    elif slots.large:
        for own, one, step in zip(slots.each(), settings, steps.unbind(0), strict=True):
            _fused(own, one, step, decoupled)
    else:
        _adam(slots, Columns(settings, steps), decoupled)


def settings_of(member: Member) -> Settings:
    """What the member's optimiser is to do in its next step."""
    config, step, horizon = member.loop.config, member.state.step, member.loop.horizon
    rates = (config.learning_rate.at(step, horizon), config.weight_decay.at(step, horizon))
    match config.optimiser:
        case AdamConfig(betas=betas, epsilon=epsilon) | AdamWConfig(betas=betas, epsilon=epsilon):
            return (*rates, *betas, epsilon)
        case RMSpropConfig(smoothing=smoothing, momentum=momentum, epsilon=epsilon):
            return (*rates, smoothing, momentum, epsilon)


def _alike(members: Sequence[Member], settings: Sequence[Settings]) -> bool:
    first = members[0].state.step
    return all(m.state.step == first for m in members) and len(set(settings)) == 1


class Columns:
    """The members' numbers as tensors that broadcast over stacked ones: (K, 1, ...).

    In 64 bits on the way: 1 - b^t loses its digits in 32 while t is small.
    """

    def __init__(self, settings: Sequence[Settings], steps: Tensor) -> None:
        self.rate, self.decay, self.first, self.second, self.epsilon = torch.tensor(
            settings, dtype=torch.float64, device=steps.device
        ).unbind(1)
        self.steps = steps.double()

    def like(self, numbers: Tensor, tensors: Sequence[Tensor]) -> list[Tensor]:
        """`numbers` (K,) once for each of `tensors` (K, *), with as many axes and its type."""
        known: dict[tuple[int, torch.dtype], Tensor] = {}
        for tensor in tensors:
            key = (tensor.dim(), tensor.dtype)
            if key not in known:
                known[key] = numbers.to(tensor.dtype).reshape(-1, *(1,) * (tensor.dim() - 1))
        return [known[tensor.dim(), tensor.dtype] for tensor in tensors]


def _fused(slots: Slots, settings: Settings, step: Tensor, decoupled: bool) -> None:
    """torch's own kernel, over a member or over whole stacks: an element-wise step does not see the
    first axis. `step` () counts this one."""
    fused_adam(*slots, [step] * len(slots.parameters), settings, decoupled)


def _adam(slots: Slots, at: Columns, decoupled: bool) -> None:
    """Adam (Kingma and Ba 2015, algorithm 1), with decoupled decay AdamW (Loshchilov and Hutter
    2019, algorithm 2)."""
    parameters, gradients, means, squares = slots
    if bool(at.decay.any()):
        if decoupled:
            torch._foreach_mul_(parameters, at.like(1 - at.rate * at.decay, parameters))
        else:
            gradients = _decayed(gradients, parameters, at)
    torch._foreach_lerp_(means, gradients, at.like(1 - at.first, means))
    torch._foreach_mul_(squares, at.like(at.second, squares))
    weighed = torch._foreach_mul(gradients, gradients)
    torch._foreach_mul_(weighed, at.like(1 - at.second, squares))
    torch._foreach_add_(squares, weighed)
    scales = torch._foreach_sqrt(squares)
    torch._foreach_mul_(scales, at.like((1 - at.second**at.steps).rsqrt(), squares))
    torch._foreach_add_(scales, at.like(at.epsilon, squares))
    moves = torch._foreach_div(means, scales)
    torch._foreach_mul_(moves, at.like(at.rate / (1 - at.first**at.steps), moves))
    torch._foreach_sub_(parameters, moves)


def _decayed(gradients: list[Tensor], parameters: list[Tensor], at: Columns) -> list[Tensor]:
    """The gradients with that of the weight decay added."""
    decays = torch._foreach_mul(parameters, at.like(at.decay, parameters))
    return list(torch._foreach_add(gradients, decays))


def _rmsprop(stack: Stack, names: Sequence[str], at: Columns) -> None:
    """RMSprop (Hinton, lecture 6e, 2012) as torch has it: `first` smooths, `second` is momentum."""
    parameters = [stack.tensors[f"module/{name}"] for name in names]
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    squares = [stack.tensors[f"optimiser/{name}/square_avg"] for name in names]
    if bool(at.decay.any()):
        gradients = _decayed(gradients, parameters, at)
    torch._foreach_mul_(squares, at.like(at.first, squares))
    weighed = torch._foreach_mul(gradients, gradients)
    torch._foreach_mul_(weighed, at.like(1 - at.first, squares))
    torch._foreach_add_(squares, weighed)
    scales = torch._foreach_sqrt(squares)
    torch._foreach_add_(scales, at.like(at.epsilon, squares))
    moves = list(torch._foreach_div(gradients, scales))
    if f"optimiser/{names[0]}/momentum_buffer" in stack.tensors:
        rolling = [stack.tensors[f"optimiser/{name}/momentum_buffer"] for name in names]
        torch._foreach_mul_(rolling, at.like(at.second, rolling))
        torch._foreach_add_(rolling, moves)
        moves = list(torch._foreach_mul(rolling, 1.0))
    torch._foreach_mul_(moves, at.like(at.rate, moves))
    torch._foreach_sub_(parameters, moves)
