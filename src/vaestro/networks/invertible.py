"""Invertible layers one after another, from data to noise and back.

Shape letters: B batch, K numbers, E condition width.
"""

from collections.abc import Callable
from typing import Protocol, cast

import torch
from torch import Tensor, nn


class Invertible(Protocol):
    """A layer: called with x (B, K) and a condition (B, E) it gives y (B, K) and log|det dy/dx|."""

    def inverse(self, y: Tensor, condition: Tensor) -> Tensor:
        """x of y: (B, K)."""
        ...


class Chain(nn.Module):
    """`count` Invertible layers, each made by `layer` from an order (K,) of the numbers. The first
    order is drawn, the next is `between`, which moves what stayed; and again."""

    def __init__(
        self,
        layer: Callable[[Tensor], nn.Module],
        between: Tensor,
        count: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        orders = [
            between if number % 2 else torch.randperm(len(between), generator=generator)
            for number in range(count)
        ]
        # the name that they have in the files of fitted priors
        self.couplings = nn.ModuleList(layer(order) for order in orders)

    def forward(self, x: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """x: (B, K), condition: (B, E) -> noise (B, K) and log|det| (B,)."""
        total = x.new_zeros(len(x))
        for layer in self.couplings:
            x, log_det = layer(x, condition)
            total = total + log_det
        return x, total

    def inverse(self, noise: Tensor, condition: Tensor) -> Tensor:
        """noise: (B, K) -> x (B, K)."""
        for layer in reversed(self.couplings):
            noise = cast(Invertible, layer).inverse(noise, condition)
        return noise
