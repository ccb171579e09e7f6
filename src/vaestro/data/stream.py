"""The batch stream: which samples a training step sees, as a pure function of (seed, step)."""

import torch
from torch import Tensor

from vaestro.data.resident import Samples
from vaestro.foundation.errors import DataError
from vaestro.foundation.randomness import Stream, generator
from vaestro.foundation.samples import Batch


class BatchStream:
    """Batches of `batch_size` from a new shuffle each epoch.

    Every batch has the same size: an epoch leaves out the remainder of its own shuffle. Raises
    DataError when a batch is larger than the data.
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
        self.steps_per_epoch = len(samples) // batch_size
        self._epoch = -1
        self._order: Tensor = torch.empty(0)

    def batch(self, step: int) -> Batch:
        """The batch of `step` (counted from 0 over the whole run)."""
        epoch, within = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:  # the shuffle is drawn once an epoch and kept
            random = generator(self.seed, Stream.ORDER, epoch)
            order = torch.randperm(len(self.samples), generator=random)
            self._order, self._epoch = order.to(self.samples.stored.device), epoch
        start = within * self.batch_size
        return self.samples.read(self._order[start : start + self.batch_size])
