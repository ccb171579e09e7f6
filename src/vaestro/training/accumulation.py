"""The gradients of a batch that is processed in parts, so that memory holds one part at a time.

They are those of the whole batch to rounding: a part has its rows of the whole batch's noise and
dropout masks, and the terms are joined as means over the batch before anything combines them.

Shape letters: B batch, K latents.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from vaestro.foundation.samples import Batch
from vaestro.probability.beta import BetaState
from vaestro.probability.objective import Terms
from vaestro.training.distribution.company import Company
from vaestro.training.distribution.ranks import ALONE
from vaestro.training.dropout_masks import Dropped, Mask, dropped_in, masked
from vaestro.training.rows import row_slices
from vaestro.training.task import Task


class Part(NamedTuple):
    """The terms of some rows of a batch, and the share of the batch that they are."""

    share: float
    terms: Terms


class Parts:
    """`task`'s batches in `count` parts, of sizes that differ by one row at most; where several
    processes share a batch, this one's rows in as many."""

    def __init__(self, task: Task, count: int, company: Company | None = None) -> None:
        self.task, self.count = task, count
        self.company = Company(ALONE) if company is None else company
        self._dropped: tuple[Dropped, ...] | None = None

    def backward(self, batch: Batch, control: BetaState, step: int) -> Terms:
        """Add the gradients of the batch's loss to the parameters'; the terms of the whole batch.

        A loss that is no mean over its samples (free bits, a capacity target) needs the whole
        batch's terms first: its parts pass the model once more, without gradients, before.
        """
        if self.count == 1:
            return self._at_once(batch, control, step)
        pull = None if self.task.additive else self._pull(batch, control, step)
        means: list[Tensor] = []
        for share, terms in self.each(batch, control, step):
            loss = terms.loss if pull is None else pull.on(terms)
            (share * loss).backward()
            means = _plus(means, share, terms)
        return self.task.whole(_terms(self.company.added(means)), control, step)

    def _at_once(self, batch: Batch, control: BetaState, step: int) -> Terms:
        """As `backward`, where a process computes all of its rows in one pass."""
        with self.company.together():
            for share, terms in self.each(batch, control, step):  # one, its masks in force
                if not self.company.alone:
                    own = [share * value for value in _known(terms)]
                    terms = self.task.whole(_terms(self.company.closed(own)), control, step)
                terms.loss.backward()
        return terms

    def each(self, batch: Batch, control: BetaState, step: int) -> Iterator[Part]:
        """The parts one after the other, each with its graph."""
        rows = self._rows(len(batch.x))
        if self.company.alone and len(rows) == 1:
            yield Part(1.0, self.task.terms(batch, control, step))
            return
        if self._dropped is None:
            self._dropped = dropped_in(
                self.task.module, lambda: self.task.terms(batch, control, step, rows[0])
            )
        drawn = [Mask(one.layer, one.drawn(len(batch.x))) for one in self._dropped]
        for some in rows:
            with masked(drawn, some):
                share = (some.stop - some.start) / len(batch.x)
                yield Part(share, self.task.terms(batch, control, step, some))

    def _rows(self, size: int) -> list[slice]:
        """The parts of this process, as rows of a batch of `size`."""
        own = self.company.ranks.rows(size)
        first = own.start
        parts = row_slices(own.stop - first, self.count)
        return [slice(first + part.start, first + part.stop) for part in parts]

    def _pull(self, batch: Batch, control: BetaState, step: int) -> "Pull":
        """How the loss of the whole batch changes with each of its terms. What layers of a user's
        draw here, they draw again afterwards."""
        device = batch.x.device
        means: list[Tensor] = []
        with torch.no_grad(), torch.random.fork_rng([device] if device.type == "cuda" else []):
            for share, terms in self.each(batch, control, step):
                means = _plus(means, share, terms)
        leaves = [value.requires_grad_() for value in self.company.added(means)]
        loss = self.task.whole(_terms(leaves), control, step).loss
        return Pull(torch.autograd.grad(loss, leaves, allow_unused=True))


class Pull(NamedTuple):
    """The derivative of a batch's loss by each of its terms, None for those it does not see."""

    by: tuple[Tensor | None, ...]

    def on(self, terms: Terms) -> Tensor:
        """A number whose gradient a part contributes to that of the loss."""
        pairs = zip(self.by, _known(terms), strict=True)
        return torch.stack([(g * value).sum() for g, value in pairs if g is not None]).sum()


def _known(terms: Terms) -> list[Tensor]:
    return [value for value in terms if value is not None]


def _terms(values: list[Tensor]) -> Terms:
    loss, data_term, prior_term, per_dimension, *label = values
    return Terms(loss, data_term, prior_term, per_dimension, *label)


def _plus(means: list[Tensor], share: float, terms: Terms) -> list[Tensor]:
    """`means` with a part's share of its terms added."""
    own = [share * value.detach() for value in _known(terms)]
    return [mean + value for mean, value in zip(means, own, strict=True)] if means else own
