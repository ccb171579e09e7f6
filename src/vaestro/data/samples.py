"""The samples of a split as the model is to see them.

Shape letters: N samples in the store, M of them chosen, B batch, * the sample's axes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from vaestro.data.augmentation import Augmentation
from vaestro.data.dataset import DataSet
from vaestro.data.store import Resident, Store, store_of
from vaestro.foundation.samples import Batch


@dataclass(frozen=True)
class Samples:
    """M chosen samples of the N in a store. Every split shares the same store.

    index: (M,) the numbers of the chosen ones; labels: (N,) or None; covariates: (N, V), those that
    a model is told, or None; transform: natural units to model space, or None where the store holds
    what the model sees; truth: the store of natural samples where `store` holds transformed ones;
    augmentation: applied in training alone.
    """

    store: Store
    index: Tensor
    labels: Tensor | None = None
    covariates: Tensor | None = None
    transform: Callable[[Tensor], Tensor] | None = None
    truth: Store | None = None
    augmentation: Augmentation | None = None

    def __len__(self) -> int:
        return len(self.index)

    @classmethod
    def of(cls, data: DataSet, device: str, dtype: torch.dtype) -> "Samples":
        """Every sample of `data`, read on `device` as `dtype`."""
        store = store_of(data, device, dtype)
        labels = None if data.labels is None else torch.from_numpy(data.labels).to(device)
        return cls(store, torch.arange(len(store), device=device), labels)

    @classmethod
    def natural(cls, x: np.ndarray, device: str, dtype: torch.dtype) -> "Samples":
        """Samples (N, *) that are already in natural units, without labels."""
        stored = torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32)).to(device, dtype)
        return cls(Resident(stored, 1.0, dtype), torch.arange(len(x), device=device))

    def at(self, indices: np.ndarray) -> "Samples":
        """Those whose numbers are `indices` (M,)."""
        return replace(self, index=torch.from_numpy(indices).to(self.index.device))

    def first(self, most: int) -> "Samples":
        """The first `most` of the chosen ones."""
        return replace(self, index=self.index[:most])

    def spread(self, most: int) -> "Samples":
        """At most `most` of the chosen ones, evenly spread over all: of sorted data some of each
        kind."""
        count = min(most, len(self))
        places = torch.linspace(0, len(self) - 1, count).round().long()
        return replace(self, index=self.index[places.to(self.index.device)])

    def told(self, covariates: np.ndarray) -> "Samples":
        """The same samples with covariates (N, V) beside them."""
        beside = torch.from_numpy(covariates).to(self.index.device)
        return replace(self, covariates=beside)

    def seen_through(self, transform: Callable[[Tensor], Tensor]) -> "Samples":
        """The same samples in model space, transformed as they are read: no memory is needed."""
        return replace(self, transform=transform)

    def transformed(self, transform: Callable[[Tensor], Tensor]) -> "Samples":
        """The same samples in model space, every one in the store transformed now, once.

        For a transform that makes samples smaller; the natural ones stay at hand as the truth.
        """
        everything = torch.arange(len(self.store), device=self.index.device)
        parts = [transform(self.store.take(some, 0)) for some in everything.split(1000)]
        stored = torch.cat(parts)
        return replace(self, store=Resident(stored, 1.0, stored.dtype), truth=self.store)

    def read(self, positions: Tensor, epoch: int | None = None) -> Batch:
        """The chosen samples at `positions` (B,): as `epoch` of training shows them (augmented, in
        a new view), or, without one, as they are, with their natural values."""
        index = self.index.index_select(0, positions)
        natural = x = self.store.take(index, epoch or 0)
        if epoch is not None and self.augmentation is not None:
            natural = x = self.augmentation.apply(x, index, epoch)
        if self.transform is not None:
            x = self.transform(natural)
        elif self.truth is not None and epoch is None:
            natural = self.truth.take(index, 0)
        labels, covariates = (
            None if column is None else column.index_select(0, index)
            for column in (self.labels, self.covariates)
        )
        return Batch(x, labels, index, None if natural is x else natural, covariates)

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        """Every chosen sample once, in order; the last batch may be smaller."""
        positions = torch.arange(len(self), device=self.index.device)
        for part in positions.split(batch_size) if len(self) else ():
            yield self.read(part)
