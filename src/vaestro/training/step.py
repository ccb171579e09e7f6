"""One training step: forward, backward, guard, update. A pure function of state and batch."""

import math

import torch
from torch import Tensor

from vaestro.foundation.randomness import seed_layers
from vaestro.foundation.samples import Batch
from vaestro.foundation.schedules import Horizon
from vaestro.probability.objective import Terms
from vaestro.training.accumulation import Parts
from vaestro.training.config import TrainingConfig
from vaestro.training.distribution.company import Company
from vaestro.training.distribution.ranks import ALONE
from vaestro.training.guard import buffers_of, explain, gradient_norm
from vaestro.training.optimiser import apply_gradients, set_rates
from vaestro.training.state import TrainState
from vaestro.training.task import Task


class Stepper:
    """Takes training steps for one task, in `company` of other processes or alone. Holds what does
    not change from step to step."""

    def __init__(
        self,
        task: Task,
        config: TrainingConfig,
        horizon: Horizon,
        seed: int,
        company: Company | None = None,
    ) -> None:
        self.task = task
        self.config = config
        self.horizon = horizon
        self.seed = seed
        self._parameters = [p for p in task.module.parameters() if p.requires_grad]
        self._buffers = buffers_of(task.module)
        self._company = Company(ALONE) if company is None else company
        self._parts = Parts(task, config.accumulate, self._company)

    def take(self, state: TrainState, batch: Batch) -> None:
        """Advance `state` by one step on `batch`.

        Raises DivergedError, leaving parameters, buffers and optimiser as they were, when the loss
        or a gradient is not finite.
        """
        step = state.step
        kept = [buffer.clone() for buffer in self._buffers]
        set_rates(state.optimiser, self.config, step, self.horizon)
        seed_layers(self.seed, step, batch.x.device)
        terms = self._parts.backward(batch, state.control, step)
        self._company.add_up([p.grad for p in self._parameters if p.grad is not None])
        if not self._guarded(terms):
            self._forget_gradients()
            self._restore(kept)
            fault = explain(self._parts, batch, state.control, step, self.seed, terms)
            self._restore(kept)
            raise fault
        apply_gradients(state.optimiser)
        self._forget_gradients()
        state.control = self.task.advanced(state.control, terms, step)
        state.meter.add(terms)
        self._average(state)
        state.step += 1

    def _guarded(self, terms: Terms) -> bool:
        """Whether loss and gradients are finite; clips the gradients when the recipe says so."""
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        norm = gradient_norm(gradients)
        if not math.isfinite(float(norm + terms.loss.detach())):  # one look by the host
            return False
        if self.config.clip_norm is not None:
            factor = (self.config.clip_norm / (norm + 1e-12)).clamp(max=1.0)
            torch._foreach_mul_(gradients, factor)
        return True

    def _forget_gradients(self) -> None:
        for parameter in self._parameters:
            parameter.grad = None

    def _restore(self, kept: list[Tensor]) -> None:
        for buffer, value in zip(self._buffers, kept, strict=True):
            buffer.copy_(value)

    @torch.no_grad()
    def _average(self, state: TrainState) -> None:
        """Exponential moving average of the parameters."""
        if not self.config.ema:
            return
        if not state.average:
            state.average = {n: p.detach().clone() for n, p in self.task.module.named_parameters()}
        decay = average_decay(self.config.ema, state.step)
        parameters = dict(self.task.module.named_parameters())
        for name, mean in state.average.items():
            mean.lerp_(parameters[name], 1 - decay)


def average_decay(ema: float, step: int) -> float:
    """How much of the averaged weights stays at `step`: min(ema, (1 + t) / (10 + t)), and nothing
    at the first, so that a short run is not dominated by its start."""
    return min(ema, (1 + step) / (10 + step)) if step else 0.0
