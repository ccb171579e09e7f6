"""A task whose terms can be computed for many members at once."""

from typing import Any, Protocol

from torch import Tensor

from vaestro.foundation.randomness import Stream
from vaestro.foundation.samples import Given
from vaestro.probability.beta import BetaState
from vaestro.probability.objective import Balance, Terms
from vaestro.training.kept_features import Features
from vaestro.training.task import Task


class Stackable(Task, Protocol):
    """A task that separates what is drawn from what is computed, so that torch.func can compute it
    for all members of a stack. Its `terms` of a batch are `estimate` of what `noise` draws."""

    def noise(self, x: Tensor, stream: Stream, counter: int, /) -> Any:
        """All that is random about the samples x: (B, *) in the training step `counter`
        (Stream.POSTERIOR): a tensor, or a NamedTuple of tensors."""

    def balance(self, control: BetaState, step: int, /) -> Balance:
        """What combines the terms at `step`."""

    def estimate(
        self,
        module: Any,
        x: Tensor,
        noise: Any,
        given: Given,
        at: Balance,
        features: Features | None = None,
        /,
    ) -> Terms:
        """The terms that `module` has on x: (B, *) with `noise`; `module` stands in the place of
        the task's own and has its type. No branch may depend on a tensor's value."""
