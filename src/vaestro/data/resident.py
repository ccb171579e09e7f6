"""Samples held once in memory, in their storage type, on the device that trains.

Shape letters: N samples in memory, M of them chosen, B batch, * the sample's axes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from vaestro.data.dataset import DataSet
from vaestro.foundation.samples import Batch


@dataclass(frozen=True)
class Samples:
    """M chosen samples of the N in memory. Every split shares the same memory.

    stored: (N, *) in the storage type (bytes stay bytes until a batch is read), `scale` to natural
    units, labels (N,) or None; index: (M,) the numbers of the chosen ones; dtype: what is read.
    """

    stored: Tensor
    labels: Tensor | None
    index: Tensor
    scale: float
    dtype: torch.dtype

    def __len__(self) -> int:
        return len(self.index)

    @classmethod
    def of(cls, data: DataSet, device: str, dtype: torch.dtype) -> "Samples":
        """Every sample of `data`, on `device` (on the CPU without a copy), read as `dtype`."""
        stored = torch.from_numpy(data.values)
        if stored.is_floating_point():
            stored = stored.to(dtype)
        labels = None if data.labels is None else torch.from_numpy(data.labels).to(device)
        index = torch.arange(len(stored), device=device)
        return cls(stored.to(device), labels, index, data.spec.scale, dtype)

    @classmethod
    def natural(cls, x: np.ndarray, device: str, dtype: torch.dtype) -> "Samples":
        """Samples (N, *) that are already in natural units, without labels."""
        stored = torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32)).to(device, dtype)
        return cls(stored, None, torch.arange(len(x), device=device), 1.0, dtype)

    def at(self, indices: np.ndarray) -> "Samples":
        """Those whose numbers are `indices` (M,)."""
        return replace(self, index=torch.from_numpy(indices).to(self.index.device))

    def first(self, most: int) -> "Samples":
        """The first `most` of the chosen ones."""
        return replace(self, index=self.index[:most])

    def mapped(self, function: Callable[[Tensor], Tensor]) -> "Samples":
        """The same samples with `function` applied once to every natural value in memory."""
        whole = replace(self, index=torch.arange(len(self.stored), device=self.index.device))
        parts = [function(batch.x) for batch in whole.in_order(1000)]
        return replace(self, stored=torch.cat(parts), scale=1.0)

    def read(self, positions: Tensor) -> Batch:
        """The chosen samples at `positions` (B,), in natural units."""
        index = self.index.index_select(0, positions)
        x = self.stored.index_select(0, index).to(self.dtype)
        labels = None if self.labels is None else self.labels.index_select(0, index)
        return Batch(x if self.scale == 1.0 else x.mul_(self.scale), labels, index)

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        """Every chosen sample once, in order; the last batch may be smaller."""
        positions = torch.arange(len(self), device=self.index.device)
        for part in positions.split(batch_size) if len(self) else ():
            yield self.read(part)
