"""What one sample is: its shape, what its numbers mean, and a batch of them."""

from dataclasses import dataclass
from math import prod
from typing import Literal, NamedTuple

from torch import Tensor

ValueKind = Literal["binary", "unit", "counts", "real"]
"""binary: {0, 1}; unit: greys in [0, 1]; counts: 0, 1, 2, ...; real: any finite number."""


@dataclass(frozen=True)
class SampleSpec:
    """The shape and meaning of one sample.

    `shape` excludes the batch axis: (features,) for vectors, (channels, height, width) for
    images. `scale` turns stored numbers into natural ones (natural = stored * scale).
    `levels` is the number of distinct stored values of quantised data, else None; the natural
    distance between two of them is `scale`.
    """

    shape: tuple[int, ...]
    values: ValueKind
    scale: float = 1.0
    levels: int | None = None

    @property
    def elements(self) -> int:
        """How many numbers one sample has: what a sum or a mean over a sample runs over."""
        return prod(self.shape)

    @property
    def resolution(self) -> float | None:
        """The natural distance between neighbouring quantised values, or None."""
        return self.scale if self.levels is not None else None


class Batch(NamedTuple):
    """B samples in natural units. x: (B, *shape); label: (B,) integers or None; indices: (B,)."""

    x: Tensor
    label: Tensor | None
    indices: Tensor
