"""One step of a population: forward and backward as one program, a guard for each member, one
update. Letters: K members."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from vaestro.foundation.errors import DivergedError
from vaestro.probability.beta import Geco
from vaestro.probability.objective import Terms
from vaestro.training.accumulation import Parts
from vaestro.training.elbo import ElboTask
from vaestro.training.guard import explain
from vaestro.training.importance import ImportanceTask
from vaestro.training.population.estimate import Estimate
from vaestro.training.population.member import Member
from vaestro.training.population.optimiser import update
from vaestro.training.population.reading import Reading, read
from vaestro.training.population.stack import Stack
from vaestro.training.population.validation import Validation
from vaestro.training.step import average_decay


class Refused(NamedTuple):
    """A member whose step was refused, with what is wrong; it has left the stack as it was."""

    member: Member
    fault: DivergedError


class PopulationStepper:
    """Takes the steps of a stack's members. Holds what does not change from step to step."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self._estimate = Estimate(stack)
        self._changing = _changing(stack)

    def take(self) -> tuple[list[Member], list[Refused]]:
        """Advance every member by one step on its next batch; who took one, and who was refused.

        A member whose loss or gradient is not finite leaves the stack, its step untaken; the others
        go on as if it had not been there.
        """
        stack = self.stack
        kept = [tensor.clone() for tensor in self._changing]
        reading = read(stack.members)
        terms = self._estimate.terms(reading)
        terms.loss.sum().backward()
        norms = gradient_norms(stack)
        refused: list[Refused] = []
        fine = torch.isfinite(norms + terms.loss.detach())
        if not bool(fine.all()):
            refused = _refuse(stack, reading, self._changing, kept, terms, fine)
            terms, norms = terms.of(fine), norms[fine]
        if len(stack):
            _clip(stack, norms)
            update(stack)
            _finish(stack, terms)
        if refused and len(stack):
            self._estimate = Estimate(stack, self._estimate.dropped)
            self._changing = _changing(stack)
        return stack.members, refused

    def awaits(self, epoch: int) -> bool:
        """No: all that will be validated beside each other are so at one step."""
        return False

    def validated(self) -> dict[int, dict[str, Any]]:
        """The validation figures of the members that are to be validated now, by their numbers;
        without those whose task has its own way."""
        members = self.stack.members
        due = [member.loop.validates(member.state) for member in members]
        if not any(due) or not isinstance(members[0].task, ElboTask):
            return {}
        every = Validation(self.stack, members[0].task).figures()
        found = zip(members, every, due, strict=True)
        return {member.number: figures for member, figures, now in found if now}


def _changing(stack: Stack) -> list[Tensor]:
    """The stacked buffers, which a training pass may change."""
    buffers = {f"module/{name}" for name, _ in stack.members[0].state.module.named_buffers()}
    return [tensor for name, tensor in stack.tensors.items() if name in buffers]


def gradient_norms(stack: Stack) -> Tensor:
    """The Euclidean norm of all gradients of each member together, (K,)."""
    found = (t.grad for t in stack.tensors.values() if t.grad is not None)
    gradients = [grad.reshape(len(grad), -1) for grad in found]  # a scalar parameter is (K,)
    norm: Tensor = torch.stack([torch.linalg.vecdot(g, g) for g in gradients]).sum(0).sqrt()
    return norm


def _clip(stack: Stack, norms: Tensor) -> None:
    """Gradients longer than the member's clip_norm are shortened to it."""
    limits = [member.loop.config.clip_norm for member in stack.members]
    if all(limit is None for limit in limits):
        return
    most = norms.new_tensor([torch.inf if limit is None else limit for limit in limits])
    factors = (most / (norms + 1e-12)).clamp(max=1.0)
    for tensor in stack.tensors.values():
        if tensor.grad is not None:
            tensor.grad.mul_(factors.reshape(-1, *(1,) * (tensor.dim() - 1)))


def _refuse(
    stack: Stack,
    reading: Reading,
    changing: list[Tensor],
    kept: list[Tensor],
    terms: Terms,
    fine: Tensor,
) -> list[Refused]:
    """Take the members that are not `fine` (K,) out, their buffers as before the step, and name
    what is wrong with each, by its own step run once more."""
    bad = [row for row, good in enumerate(fine.tolist()) if not good]
    for row in bad:
        for tensor, value in zip(changing, kept, strict=True):
            tensor[row].copy_(value[row])
    leaving = [stack.members[row] for row in bad]
    stack.remove(leaving)
    refused = []
    for row, member in zip(bad, leaving, strict=True):
        before = [buffer.clone() for buffer in member.state.module.buffers()]
        fault = explain(
            Parts(member.task, 1),
            reading.batch(row),
            member.state.control,
            member.state.step,
            member.loop.seed,
            terms.of(row),
        )
        for buffer, value in zip(member.state.module.buffers(), before, strict=True):
            buffer.copy_(value)
        refused.append(Refused(member, fault))
    return refused


@torch.no_grad()
def _finish(stack: Stack, terms: Terms) -> None:
    """Forget the gradients, advance controllers, meters, averages and counts."""
    for tensor in stack.tensors.values():
        tensor.grad = None
    known = [value.detach() for value in terms if value is not None]
    for index, value in enumerate(known):
        stack.tensors[f"meter/{index}"].add_(value)
    _average(stack)
    for row, member in enumerate(stack.members):
        _control(member, terms, row)
        member.state.meter.count += 1
        member.state.step += 1


def _control(member: Member, terms: Terms, row: int) -> None:
    """A controller's new state is written where the member's view of the stack is."""
    task = member.task
    if not isinstance(task, ElboTask | ImportanceTask):
        return  # it has no controller
    if not isinstance(task.objective.config.beta, Geco):
        return
    state = member.state
    new = member.task.advanced(state.control, terms.of(row), state.step)
    for place, value in zip(state.control, new, strict=True):
        place.copy_(value)


def _average(stack: Stack) -> None:
    """The moving averages of the weights, as a run that trains alone has them."""
    averages = stack.under("average")
    if not averages:
        return
    decays = [average_decay(m.loop.config.ema, m.state.step) for m in stack.members]
    for name, mean in averages.items():
        weight = mean.new_tensor([1 - decay for decay in decays])
        new = stack.tensors[f"module/{name}"]
        mean.lerp_(new.detach(), weight.reshape(-1, *(1,) * (mean.dim() - 1)))
