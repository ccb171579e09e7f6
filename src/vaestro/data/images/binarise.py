"""Greys drawn as black and white: a pixel is 1 with probability its grey, its own draw each.

The binarised MNIST of the tables of log-likelihoods: drawn once (Salakhutdinov and Murray 2008), or
anew in every epoch (Burda, Grosse and Salakhutdinov 2016).

Shape letters: N samples, M of them asked for, * the sample's axes, P its pixels.
"""

from dataclasses import dataclass
from math import prod
from typing import Any, Literal

import numpy as np

from vaestro.data.rows import Rows
from vaestro.foundation.errors import DataError
from vaestro.foundation.randomness import Stream, words

Binarise = Literal["no", "once", "every-epoch"]
"""no: greys stay greys; once: the same draw for ever; every-epoch: training sees a new draw in each
epoch, and everything else that of epoch 0."""

FINE = 65535
"""An even chance is drawn as one of so many whole numbers, 257 of them a grey level of a byte."""


@dataclass(frozen=True)
class Binarised:
    """Samples of bytes (N, *), drawn when asked for: 1 with probability byte / 255.

    The draw is a pure function of (seed, epoch, number of the sample, pixel), exact for 0 and 255
    and to 2e-5 between.
    """

    greys: np.ndarray
    seed: int

    changes = True

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, *)"""
        return self.greys.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Bytes, 0 or 1."""
        return np.dtype(np.uint8)

    def __len__(self) -> int:
        return len(self.greys)

    def __getitem__(self, numbers: Any, /) -> np.ndarray:
        return self.at_epoch(np.arange(len(self))[numbers], 0)

    def at_epoch(self, numbers: np.ndarray, epoch: int) -> np.ndarray:
        """The samples (M, *) numbered (M,) as `epoch` draws them, bytes of 0 and 1."""
        drawn = self._chances(numbers, epoch)
        levels = self.greys[numbers].reshape(drawn.shape).astype(np.uint16)
        levels *= FINE // 255
        ones: np.ndarray = (drawn < levels).view(np.uint8)
        return ones.reshape(len(numbers), *self.shape[1:])

    def _chances(self, numbers: np.ndarray, epoch: int) -> np.ndarray:
        """Numbers below FINE (M, P), four of each random word."""
        pixels = prod(self.shape[1:])
        width = -(-pixels // 4)
        items = numbers[:, None] * width + np.arange(width)
        fours = words(self.seed, Stream.DATA, epoch, items).astype("<u8").view("<u2")
        below: np.ndarray = np.minimum(fours[:, :pixels], FINE - 1)
        return below


def binarised(name: str, greys: np.ndarray, how: Binarise, seed: int) -> Rows:
    """Greys of bytes (N, *) as rows of 0 and 1. Raises DataError for other numbers than bytes."""
    if greys.dtype != np.uint8:
        raise DataError(
            f"{name} holds {greys.dtype}, and data.binarise={how} draws greys of bytes (0 to 255); "
            "give data.binarise=no"
        )
    drawn = Binarised(greys, seed)
    return drawn if how == "every-epoch" else drawn[:]
