"""The batch stream: which samples a training step sees, as a pure function of (seed, step)."""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor

from vaestro.data.samples import Samples
from vaestro.foundation.errors import DataError
from vaestro.foundation.randomness import Stream, generator
from vaestro.foundation.samples import Batch


class BatchStream:
    """Batches of `batch_size` from a new shuffle each epoch.

    Every batch has the same size: an epoch leaves out the remainder of its own shuffle. Samples
    that are fetched or rendered are read one batch ahead, by a thread, while the step computes;
    since a batch depends on its step alone, this changes nothing but the time. Raises DataError
    when a batch is larger than the data.

    `rows`: set where somebody else computes the other rows of each batch; those are zeros then, and
    no sample is read for them.
    """

    def __init__(self, samples: Samples, batch_size: int, seed: int) -> None:
        if batch_size > len(samples):
            raise DataError(
                f"training.batch_size={batch_size} is larger than the {len(samples)} training "
                f"samples; give at most {len(samples)}"
            )
        self.samples = samples
        self.batch_size = batch_size
        self.seed = seed
        self.rows: slice | None = None
        self.steps_per_epoch = len(samples) // batch_size
        self._order: tuple[int, Tensor] = (-1, torch.empty(0))
        self._ahead: tuple[int, Future[Batch]] | None = None
        self._reader = None if samples.store.resident else ThreadPoolExecutor(1, "batches")

    def batch(self, step: int) -> Batch:
        """The batch of `step` (counted from 0 over the whole run)."""
        if self._reader is None:
            return self._read(step)
        ahead, self._ahead = self._ahead, None
        here = ahead[1] if ahead and ahead[0] == step else self._reader.submit(self._read, step)
        batch = here.result()
        self._ahead = (step + 1, self._reader.submit(self._read, step + 1))
        return batch

    def positions(self, step: int) -> tuple[int, Tensor]:
        """The epoch of `step`, and where in its split the samples of the batch are, (B,)."""
        epoch, within = divmod(step, self.steps_per_epoch)
        start = within * self.batch_size
        return epoch, self._shuffle(epoch)[start : start + self.batch_size]

    def close(self) -> None:
        """Let the reading thread end; what it reads ahead is dropped."""
        if self._reader is not None:
            self._reader.shutdown(wait=True, cancel_futures=True)

    def _read(self, step: int) -> Batch:
        epoch, positions = self.positions(step)
        if self.rows is None:
            return self.samples.read(positions, epoch)
        own = self.samples.read(positions[self.rows], epoch)
        return Batch(*(_placed(values, self.rows, self.batch_size) for values in own))

    def _shuffle(self, epoch: int) -> Tensor:
        """The order of `epoch`, drawn once and kept until another is asked for."""
        known, order = self._order
        if known != epoch:
            random = generator(self.seed, Stream.ORDER, epoch)
            order = torch.randperm(len(self.samples), generator=random)
            order = order.to(self.samples.store.device)
            self._order = (epoch, order)
        return order


def _placed(values: Tensor | None, rows: slice, count: int) -> Any:
    """`values` at `rows` of `count`, among zeros."""
    if values is None:
        return None
    whole = values.new_zeros((count, *values.shape[1:]))
    whole[rows] = values
    return whole
