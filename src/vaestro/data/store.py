"""Where a run's samples are read from: once held in memory, or fetched from a file or a renderer.

Both give the same numbers, so that which of them serves a run cannot be seen in its history.

Shape letters: N samples, B of them asked for, * the sample's axes.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from vaestro.data.dataset import DataSet
from vaestro.data.rows import Renderer, Rows, in_memory


class Store(Protocol):
    """N samples in natural units."""

    @property
    def device(self) -> torch.device:
        """Where what is read comes to lie."""

    @property
    def resident(self) -> bool:
        """Whether reading is a copy from memory, without work worth doing ahead."""

    @property
    def changes(self) -> bool:
        """Whether a sample looks different in every epoch."""

    def __len__(self) -> int:
        """N"""

    def take(self, numbers: Tensor, epoch: int) -> Tensor:
        """The samples (B, *) numbered (B,) as `epoch` shows them, natural, in the run's type."""


@dataclass(frozen=True)
class Resident:
    """stored: (N, *) in the storage type (bytes stay bytes until read), on the run's device."""

    stored: Tensor
    scale: float
    dtype: torch.dtype
    resident = True
    changes = False

    @property
    def device(self) -> torch.device:
        """The run's device."""
        return self.stored.device

    def __len__(self) -> int:
        return len(self.stored)

    def take(self, numbers: Tensor, epoch: int) -> Tensor:
        """Gather, widen and scale; every epoch is the same."""
        x = self.stored.index_select(0, numbers).to(self.dtype)
        return x if self.scale == 1.0 else x.mul_(self.scale)


@dataclass(frozen=True)
class OnDemand:
    """rows: what is larger than memory or made when asked for; only what is read is held."""

    rows: Rows
    scale: float
    dtype: torch.dtype
    device: torch.device
    resident = False

    @property
    def changes(self) -> bool:
        """Whether the rows are rendered anew in every epoch."""
        return isinstance(self.rows, Renderer) and self.rows.changes

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, numbers: Tensor, epoch: int) -> Tensor:
        """Read, widen and scale."""
        wanted = numbers.cpu().numpy()
        rows = self.rows
        x = rows.at_epoch(wanted, epoch) if isinstance(rows, Renderer) else rows[wanted]
        natural = torch.from_numpy(np.ascontiguousarray(x)).to(self.device, self.dtype)
        return natural if self.scale == 1.0 else natural.mul_(self.scale)


def store_of(data: DataSet, device: str, dtype: torch.dtype) -> Store:
    """The store of every sample of `data`; on the CPU, what is in memory is not copied."""
    place, scale = torch.device(device), data.spec.scale
    if not in_memory(data.values):
        return OnDemand(data.values, scale, dtype, place)
    stored = torch.from_numpy(data.values[:])
    if stored.is_floating_point():
        stored = stored.to(dtype)
    return Resident(stored.to(place), scale, dtype)
