"""The terms of every member on its batch, computed as one program.

The model of the first member is called with the parameters of all, by torch.func; what the members
differ in are rows of tensors. Shape letters: K members, B batch, L latents, * the sample's axes.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from vaestro.foundation.randomness import Stream
from vaestro.foundation.samples import Batch, Given
from vaestro.probability.objective import Balance, Number, Terms
from vaestro.training.dropout_masks import Dropped, dropped_in
from vaestro.training.elbo import ElboTask
from vaestro.training.kept_features import Features, KeptFeatures, common
from vaestro.training.population.masks import masks
from vaestro.training.population.member import Member
from vaestro.training.population.reading import Reading
from vaestro.training.population.stack import Stack
from vaestro.training.population.stackable import Stackable

Tensors = dict[str, Tensor]


class Estimate:
    """Computes the terms of a stack's members. It holds what does not change from step to step, and
    is made anew when members join or leave."""

    def __init__(self, stack: Stack, dropped: Sequence[Dropped] | None = None) -> None:
        self.members = stack.members
        self.dropped = dropped
        self._called = _Terms(stack.members[0].task)
        self._fixed = {f"module.{name}": value for name, value in stack.shared.items()}
        self._stacked = {f"module.{name}": value for name, value in stack.under("module").items()}
        self._tied = tied(self._called)
        self._half = stack.members[0].loop.plan.precision == "bf16"
        self._kept = kept_by_all(stack.members, Stream.POSTERIOR)

    def terms(self, reading: Reading) -> Terms:
        """The terms of each member's next step, (K,) but for kl_per_dimension (K, L), with the
        graph of the stacked parameters behind the loss. Buffers that a pass changes are changed in
        the stack.
        """
        if self.dropped is None:
            self.dropped = self._dropped_in(reading.batch(0))
        told = known(label=reading.label, covariates=reading.covariates)
        x = reading.x
        noise = noises(self.members, x if reading.shared else x[0])
        masked = masks(self.members, self.dropped)
        numbers = balances(self.members, x)
        read = None if reading.shared else 0
        terms = torch.vmap(self._one, in_dims=(0, 0, read, 0, read, 0, read))
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self._half):
            features = self._features(reading)
            return Terms(*terms(self._stacked, masked, x, noise, told, numbers, features))

    def _features(self, reading: Reading) -> Features:
        """What the frozen encoder that all members share makes of what they read, one level after
        the other: (B, *), or (K, B, *) where each reads another batch; nothing without one."""
        if self._kept is None:
            return ()
        rows = range(1 if reading.shared else len(self.members))
        found = [self._kept.of(_elbo(self.members[row]).vae, reading.batch(row)) for row in rows]
        each = [features for features in found if features is not None]
        if len(each) < len(found):
            return ()
        return each[0] if reading.shared else tuple(map(torch.stack, zip(*each, strict=True)))

    def _dropped_in(self, batch: Batch) -> tuple[Dropped, ...]:
        first = self.members[0]
        state = first.state
        return dropped_in(state.module, lambda: first.task.terms(batch, state.control, state.step))

    def _one(
        self,
        weights: Tensors,
        masked: Tensors,
        x: Tensor,
        noise: Any,
        told: Tensors,
        at: Tensors,
        features: Features,
    ) -> tuple[Tensor, ...]:
        """One member's terms, without those that its model does not have."""
        everything = {**self._fixed, **weights, **masked}
        result: tuple[Tensor, ...] = functional_call(
            self._called,
            everything,
            (x, noise, Given(**told), Balance(**at), features),
            tie_weights=self._tied,
        )
        return result


class _Terms(nn.Module):
    """A task's estimate as a module, which is what functional_call calls."""

    def __init__(self, task: Stackable) -> None:
        super().__init__()
        self.module = task.module
        self._task = task

    def forward(
        self, x: Tensor, noise: Any, given: Given, at: Balance, features: Features
    ) -> tuple[Tensor, ...]:
        terms = self._task.estimate(self.module, x, noise, given, at, features or None)
        return tuple(value for value in terms if value is not None)


def kept_by_all(members: Sequence[Member], stream: Stream) -> KeptFeatures | None:
    """Where the features are that one frozen encoder gives all members, if it does."""
    tasks = [member.task for member in members if isinstance(member.task, ElboTask)]
    if len(tasks) < len(members):
        return None
    return common([task.kept.get(stream) for task in tasks], [task.vae for task in tasks])


def _elbo(member: Member) -> ElboTask:
    assert isinstance(member.task, ElboTask), "features are kept for tasks of the ELBO"
    return member.task


def known(**values: Tensor | None) -> Tensors:
    """Those that there are: torch.vmap maps tensors only."""
    return {name: value for name, value in values.items() if value is not None}


def tied(module: nn.Module) -> bool:
    """Whether a parameter stands in two places; to look for that at each step would take longer
    than many a layer."""
    every = [p for _, p in module.named_parameters(remove_duplicate=False)]
    return len({id(p) for p in every}) < len(every)


def noises(members: Sequence[Member], x: Tensor) -> Any:
    """The noise of each member's next step for its batch like x: (B, *), one behind the other: that
    of its own seed and step, whoever its neighbours are."""
    return together([m.task.noise(x, Stream.POSTERIOR, m.state.step) for m in members])


def together(drawn: Sequence[Any]) -> Any:
    """K tensors as one (K, *), or K NamedTuples of tensors as one of such."""
    first = drawn[0]
    if isinstance(first, Tensor):
        return torch.stack(list(drawn))
    return type(first)(*(torch.stack(column) for column in zip(*drawn, strict=True)))


def balances(members: Sequence[Member], x: Tensor) -> Tensors:
    """What combines each member's terms, field by field (K,), in the number type of x; without the
    fields that are None for all."""
    rows = [m.task.balance(m.state.control, m.state.step) for m in members]
    columns = dict(zip(Balance._fields, zip(*rows, strict=True), strict=True))
    return {
        name: _column(values, x)
        for name, values in columns.items()
        if any(value is not None for value in values)
    }


def _column(values: Sequence[Number | None], x: Tensor) -> Tensor:
    """K numbers as a tensor (K,); None counts as 0."""
    if any(isinstance(value, Tensor) for value in values):
        rows = [torch.as_tensor(0.0 if v is None else v, device=x.device) for v in values]
        return torch.stack([row.to(x.dtype) for row in rows])
    return torch.tensor([0.0 if v is None else v for v in values], device=x.device, dtype=x.dtype)
