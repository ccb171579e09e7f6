"""What the engine trains: a module and how a batch turns into terms. It knows no more than this."""

from collections.abc import Iterable
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from vaestro.foundation.samples import Batch
from vaestro.probability.beta import BetaState
from vaestro.probability.objective import Terms


class Task(Protocol):
    """One thing to train. Nothing outside `module` is trained or kept."""

    @property
    def module(self) -> nn.Module:
        """Every parameter and buffer."""

    def initial_control(self, device: torch.device) -> BetaState:
        """The state of the objective's controller before the first step."""

    def weight(self, control: BetaState, step: int) -> float | Tensor:
        """The weight of the prior term at `step`."""

    def terms(
        self, batch: Batch, control: BetaState, step: int, rows: slice | None = None
    ) -> Terms:
        """The terms of one training batch, or of some of its `rows` with the noise that they have
        in the whole; a pure function of its arguments and the module."""

    @property
    def additive(self) -> bool:
        """Whether a batch's loss is the mean of its samples' losses."""

    def whole(self, means: Terms, control: BetaState, step: int) -> Terms:
        """The terms of a batch, from the means over it of the terms of its parts."""

    def advanced(self, control: BetaState, terms: Terms, step: int) -> BetaState:
        """The controller's state after the step."""

    def validate(self, batches: Iterable[Batch], control: BetaState) -> dict[str, Any]:
        """The figures of a split at the schedule's final weight, the module in eval mode."""
