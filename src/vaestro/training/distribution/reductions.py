"""Sums over the processes through which gradients pass.

Every process holds a copy of one loss L, computed from sums over all of them; the gradients of L
that each finds by its own rows are added up afterwards, once. So the gradient of L by a process's
part of a sum that only enters L is the gradient by the sum itself, counted once; by its part of a
sum that every process goes on computing with, it is what all of them find, added up.
"""

from typing import Any

import torch
from torch import Tensor, distributed
from torch.autograd.function import once_differentiable

from vaestro.training.distribution.lost_rank import or_lost


def added(values: Tensor) -> Tensor:
    """The sum of `values` (any shape) over the processes, the same bits in each; no gradient."""
    total = values.detach().clone(memory_format=torch.contiguous_format)
    with or_lost():
        distributed.all_reduce(total)
    return total


def closing(values: Tensor) -> Tensor:
    """The sum over the processes of what only the loss is made of."""
    total: Tensor = _Closing.apply(values)  # type: ignore[no-untyped-call]
    return total


def shared(values: Tensor) -> Tensor:
    """The sum over the processes of what each goes on computing with."""
    total: Tensor = _Shared.apply(values)  # type: ignore[no-untyped-call]
    return total


class _Closing(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        return added(values)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient


class _Shared(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        return added(values)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return added(gradient)
