"""One pass over the training split: how many samples, their mean and variances.

Shape letters: N samples, B batch, D elements, * the sample's axes.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from vaestro.foundation.errors import DataError

Batches = Callable[[], Iterable[Tensor]]
"""A function giving the natural training samples (B, *) anew at each call, in the same order."""


class Moments(NamedTuple):
    """N, and of every element mean and variance (1/N), (*) in 64 bits, where the batches lie."""

    samples: int
    mean: Tensor
    variance: Tensor


def measure(batches: Batches) -> Moments:
    """The moments of the samples, measured from the first one on.

    So a large common offset costs no digits. Raises DataError when there are no samples.
    """
    count, first, total, squares = 0, torch.zeros(()), torch.zeros(()), torch.zeros(())
    for x in batches():
        wide = where_64_bits_are(x).double()
        if count == 0:
            first = wide[0].clone()
            total, squares = torch.zeros_like(first), torch.zeros_like(first)
        shifted = wide - first
        total += shifted.sum(0)
        squares += shifted.square_().sum(0)
        count += len(wide)
    if count == 0:
        raise DataError("the training split has no samples to fit a transform on; give some")
    shift = total / count
    variance = (squares / count - shift.square()).clamp(min=0)
    return Moments(count, first + shift, variance)


def centred(batches: Batches, mean: Tensor, dtype: torch.dtype | None = None) -> Iterator[Tensor]:
    """Each batch less `mean` (*), flat: (B, D), as `dtype`.

    Without one, as the batch's own type, and in 64 bits on a GPU, where they cost little and
    32-bit products may be rounded to fewer digits.
    """
    for x in batches():
        x = where_64_bits_are(x)
        own = torch.float64 if x.is_cuda else x.dtype
        wanted = own if dtype is None else dtype
        yield (x.to(wanted) - mean.to(wanted)).flatten(1)


def where_64_bits_are(x: Tensor) -> Tensor:
    """x itself, or a copy on the CPU when its device has no 64-bit numbers."""
    return x.cpu() if x.device.type == "mps" else x
