"""The validation of every member of a stack, computed as one program.

Shape letters: K members, B batch, L latents, * the sample's axes.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from vaestro.foundation.randomness import Stream
from vaestro.foundation.samples import Batch
from vaestro.training.elbo import ElboTask
from vaestro.training.kept_features import Features
from vaestro.training.population.estimate import Tensors, kept_by_all, known, tied
from vaestro.training.population.stack import Stack
from vaestro.training.tally import Tally


class Validation:
    """Validates a stack's members together, over the samples that the first one holds out: members
    of a stack see the same data. For tasks of the ELBO."""

    def __init__(self, stack: Stack, task: ElboTask) -> None:
        self.members, self.module = stack.members, task.module
        self._kept = kept_by_all(stack.members, Stream.VALIDATION)
        self._called = _Counted(task)
        self._fixed = {f"module.{name}": value for name, value in stack.shared.items()}
        weights = stack.under("module") | stack.under("average")  # averaged where there are any
        self._stacked = {f"module.{name}": value for name, value in weights.items()}
        self._tied = tied(self._called)
        self._half = stack.members[0].loop.plan.precision == "bf16"

    @torch.no_grad()
    def figures(self) -> list[dict[str, Any]]:
        """The figures of each member, in order, as its task gives them when it trains alone."""
        counted, tally = torch.vmap(self._one, in_dims=(0, None, 0, None)), Tally()
        self.module.eval()
        for number, batch in enumerate(self.members[0].loop.validation()):
            each = [m.task.noise(batch.x, Stream.VALIDATION, number) for m in self.members]
            with torch.autocast(batch.x.device.type, torch.bfloat16, enabled=self._half):
                features = None if self._kept is None else self._kept.of(self.module, batch)
                read = known(**batch._asdict())
                sums = counted(self._stacked, read, torch.stack(each), features or ())
            tally = tally.plus(sums, len(batch.x))
        self.module.train()
        return [
            member.task.figures(tally.of(row), member.state.control)
            for row, member in enumerate(self.members)
            if isinstance(member.task, ElboTask)
        ]

    def _one(
        self, weights: Tensors, read: Tensors, noise: Tensor, features: Features
    ) -> tuple[Tensor, ...]:
        """What a batch adds to one member's tally."""
        x, indices = read["x"], read["indices"]
        beside = (read.get(name) for name in ("natural", "covariates"))
        batch = Batch(x, read.get("label"), indices, *beside)
        given = (batch, noise, features)
        result: tuple[Tensor, ...] = functional_call(
            self._called, {**self._fixed, **weights}, given, tie_weights=self._tied
        )
        return result


class _Counted(nn.Module):
    """What a task counts of a batch as a module, which is what functional_call calls."""

    def __init__(self, task: ElboTask) -> None:
        super().__init__()
        self.module = task.module
        self._task = task

    def forward(self, batch: Batch, noise: Tensor, features: Features) -> tuple[Tensor, ...]:
        result = self.module(batch.x, noise, batch.given, features or None)
        return self._task.counted(self.module, batch, result)
