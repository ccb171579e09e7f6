"""Where the numbers of a data set lie: anything that gives samples by their number.

Shape letters: N samples, M of them asked for, * the sample's axes.
"""

from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import numpy as np

CHUNK_BYTES = 4_000_000
"""How much of the samples is looked at at once, where all of them are gone through."""


class Rows(Protocol):
    """N samples read by number: an array in memory, an array in a file, or a renderer.

    Reading is a pure function of the numbers asked for and safe from several threads. Rows whose
    numbers were checked where they come from set `finite = True`: nobody reads them all to see.
    Rows that are made when asked for may have `made_of`: the arrays by which they are known again.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, *)"""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The number type of what is read."""

    def __len__(self) -> int:
        """N"""

    def __getitem__(self, numbers: Any, /) -> np.ndarray:
        """The samples (M, *) of an integer array (M,) or of a slice."""


@runtime_checkable
class Renderer(Protocol):
    """Rows that are made when asked for. `changes`: whether they look different in every epoch."""

    @property
    def changes(self) -> bool: ...

    def at_epoch(self, numbers: np.ndarray, epoch: int) -> np.ndarray:
        """The samples (M, *) numbered (M,) as `epoch` shows them; epoch 0 is what [] gives."""


def in_memory(rows: Rows) -> bool:
    """Whether the samples are a plain array in memory."""
    return isinstance(rows, np.ndarray) and not isinstance(rows, np.memmap)


def chunks(rows: Rows) -> Iterator[np.ndarray]:
    """Every sample once, in order, a bounded piece at a time."""
    sample_bytes = max(1, int(np.prod(rows.shape[1:])) * rows.dtype.itemsize)
    size = max(1, CHUNK_BYTES // sample_bytes)
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
