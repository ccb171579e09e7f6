"""An invertible network of affine couplings (RealNVP, Dinh et al. 2017, arXiv 1605.08803).

Shape letters: B batch, K numbers, A = K // 2 of them that stay, E condition width.
"""

import torch
from torch import Tensor, nn

from vaestro.networks.initialise import initialise, initialise_head
from vaestro.networks.invertible import Chain

STEEPEST = 2.0
"""A coupling's log scale lies between minus and plus this: no layer alone can overflow."""


class Coupling(nn.Module):
    """y_a = x_a, y_b = (x_b - t) exp(-s), with s and t read from x_a and the condition.

    The numbers are first put in another order; log|det dy/dx| = -sum s (eq. 6 to 8 of the paper,
    in the direction from data to noise).
    """

    order: Tensor

    def __init__(
        self, order: Tensor, condition: int, width: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        size = len(order)
        self.kept = size // 2
        self.register_buffer("order", order)
        self.body = nn.Sequential(
            nn.Linear(self.kept + condition, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
        )
        self.head = nn.Linear(width, 2 * (size - self.kept))
        initialise(self.body, "he", generator)
        initialise_head(self.head, generator, gain=0.01)  # the whole starts near the identity

    def forward(self, x: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """x: (B, K), condition: (B, E) -> y (B, K) and log|det dy/dx| (B,)."""
        x = x[:, self.order]
        kept, moved = x[:, : self.kept], x[:, self.kept :]
        log_scale, shift = self._read(kept, condition)
        y = torch.cat([kept, (moved - shift) * torch.exp(-log_scale)], 1)
        return y, -log_scale.sum(1)

    def inverse(self, y: Tensor, condition: Tensor) -> Tensor:
        """x of y: (B, K)."""
        kept, moved = y[:, : self.kept], y[:, self.kept :]
        log_scale, shift = self._read(kept, condition)
        x = torch.cat([kept, moved * torch.exp(log_scale) + shift], 1)
        return x[:, self.order.argsort()]

    def _read(self, kept: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        raw, shift = self.head(self.body(torch.cat([kept, condition], 1))).chunk(2, 1)
        return STEEPEST * torch.tanh(raw / STEEPEST), shift


def real_nvp(
    size: int, condition: int, layers: int, width: int, generator: torch.Generator
) -> Chain:
    """`layers` couplings one after another; `size` numbers, at least 2."""
    if size < 2:
        raise ValueError(f"a coupling divides its numbers, and there is {size}")
    turned = torch.arange(size).roll(-(size // 2))
    return Chain(
        lambda order: Coupling(order, condition, width, generator), turned, layers, generator
    )
