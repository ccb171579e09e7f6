"""Dropout whose mask can be handed in, so that each member of a population has its own.

Shape letters: B batch, C channels, * spatial axes.
"""

import torch
from torch import Tensor, nn


class Dropout(nn.Module):
    """x * m / (1 - p) in training, m zero with probability p for each number (Srivastava et al.
    2014); the same arithmetic as torch's.

    `mask` holds m / (1 - p) for one pass, (B, C, *); while it is empty it is drawn from torch's
    global generator, which a run seeds at every step.
    """

    mask: Tensor

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.register_buffer("mask", torch.empty(0), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, *) -> (B, C, *)."""
        if not self.training or self.p == 0:
            return x
        return x * (self.mask if self.mask.numel() else self.drawn(torch.empty_like(x)))

    def drawn(self, like: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """A mask, written into `like`."""
        return like.bernoulli_(1 - self.p, generator=generator).div_(1 - self.p)
