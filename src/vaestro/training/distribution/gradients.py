"""The gradients of all processes added up, in few exchanges."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, distributed

from vaestro.training.distribution.lost_rank import or_lost

MOST = 2**23
"""So many numbers at most go into one exchange, 32 MiB of 32 bits, unless one tensor has more: what
is sent is a copy, and one part is on its way while the next is copied."""


def add_up(gradients: Sequence[Tensor], beside: Tensor) -> Tensor:
    """Replace each gradient by its sum over the processes, the same bits in each; `beside` (n,) are
    numbers of the same type that are summed on the way, whose sums are returned."""
    parts = [beside, *gradients]
    sent = []
    with or_lost():
        for some in portions(parts):
            flat = torch.cat([part.detach().reshape(-1) for part in some])
            sent.append((some, flat, distributed.all_reduce(flat, async_op=True)))
        for some, flat, work in sent:
            assert work is not None
            work.wait()
            sums = flat.split([part.numel() for part in some])
            for part, total in zip(some, sums, strict=True):
                part.detach().copy_(total.view_as(part))
    return beside


def portions(parts: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """The parts in order, together while they have at most MOST numbers and one type."""
    some: list[Tensor] = []
    count = 0
    for part in parts:
        full = count + part.numel() > MOST or (bool(some) and some[0].dtype != part.dtype)
        if some and full:
            yield some
            some, count = [], 0
        some.append(part)
        count += part.numel()
    if some:
        yield some
