"""Rows to take a spectrum of: read by their places, in two halves, never held all at once.

Shape letters: N samples, B batch, E numbers in a row, n chosen places, * the sample's axes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from vaestro.transforms.moments import Batches

BATCH_NUMBERS = 4_000_000
"""How many numbers are read at once."""

MOST_IN_64_BITS = 20_000_000
"""Rows of so many numbers in all are made and multiplied in 64 bits; beyond, in their own type."""

Read = Callable[[Tensor], Tensor]
"""Rows (B, E), or samples (B, *), at places (B,); the same at each call."""


@dataclass(frozen=True)
class HalvedRows:
    """`samples` rows of `width` numbers; the first `first` are one half, the others the other.

    The halves must be exchangeable: shuffle beforehand, and divide no group.
    """

    read: Read
    samples: int
    width: int
    first: int

    @property
    def dividable(self) -> bool:
        """Whether both halves have the two samples that a variance needs."""
        return self.first >= 2 and self.samples - self.first >= 2

    def parts(self, numbers: int = BATCH_NUMBERS) -> Iterator[tuple[Tensor, bool]]:
        """Places (B,) of batches of at most `numbers` numbers, and whether of the first half."""
        size = max(1, numbers // max(1, self.width))
        for low, high in ((0, self.first), (self.first, self.samples)):
            for places in torch.arange(low, high).split(size) if high > low else ():
                yield places, low < self.first

    def halves(self) -> Iterator[tuple[Tensor, bool]]:
        """Every batch once, with whether it is of the first half."""
        for places, first in self.parts():
            yield self.read(places), first

    def half(self, first: bool) -> Batches:
        """The batches of one half alone."""
        return lambda: (self.read(places) for places, side in self.parts() if side == first)

    def all(self) -> Batches:
        """Every batch."""
        return lambda: (self.read(places) for places, _ in self.parts())

    @property
    def wide(self) -> bool:
        """Whether 64 bits are affordable."""
        return self.samples * self.width <= MOST_IN_64_BITS

    def through(self, change: Read, width: int) -> "HalvedRows":
        """The same rows, each batch changed as it is read, `width` numbers each."""

        def read(places: Tensor) -> Tensor:
            rows = self.read(places)
            return change(rows.double() if self.wide else rows)

        return HalvedRows(read, self.samples, width, self.first)

    def at(self, places: Tensor) -> "HalvedRows":
        """Those at `places` (n,), in the same halves."""
        ordered = torch.sort(places).values
        first = int((ordered < self.first).sum())
        return HalvedRows(
            lambda chosen: self.read(ordered[chosen]), len(ordered), self.width, first
        )

    def undivided(self) -> "HalvedRows":
        """The same rows in one half: nothing is held out."""
        return HalvedRows(self.read, self.samples, self.width, self.samples)
