"""An invertible network whose layers change each number by those before it (MAF, Papamakarios et
al. 2017, arXiv 1705.07057).

Shape letters: B batch, K numbers, H width, E condition width.
"""

import torch
from torch import Tensor, nn

from vaestro.networks.coupling import STEEPEST
from vaestro.networks.initialise import initialise, initialise_head
from vaestro.networks.invertible import Chain


class Masked(nn.Linear):
    """A linear layer whose weights count where `mask` (outputs, inputs) is 1."""

    mask: Tensor

    def __init__(self, mask: Tensor) -> None:
        super().__init__(mask.shape[1], mask.shape[0])
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs) -> (B, outputs)."""
        return nn.functional.linear(x, self.weight * self.mask, self.bias)


class Autoregressive(nn.Module):
    """y_i = (x_i - t_i) exp(-s_i), with s_i and t_i read from x_1 ... x_(i-1) and the condition.

    The numbers are first put in another order; log|det dy/dx| = -sum s (eq. 3 to 5 of the paper).
    Two masked layers of H (MADE, Germain et al. 2015, eq. 12 to 14): unit h sees the numbers up to
    its degree, 1 to K - 1 in turn.
    """

    order: Tensor

    def __init__(
        self, order: Tensor, condition: int, width: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        size = len(order)
        self.register_buffer("order", order)
        number = torch.arange(1, size + 1)
        degree = torch.arange(width) % max(1, size - 1) + 1
        self.entry = Masked((degree[:, None] >= number).float())
        self.told = nn.Linear(condition, width, bias=False) if condition else None
        self.body = Masked((degree[:, None] >= degree).float())
        self.head = Masked((number[:, None] > degree).float().repeat(2, 1))
        initialise(nn.ModuleList([self.entry, self.body]), "he", generator)
        if self.told is not None:
            initialise(self.told, "he", generator)
        initialise_head(self.head, generator, gain=0.01)  # the whole starts near the identity

    def forward(self, x: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """x: (B, K), condition: (B, E) -> y (B, K) and log|det dy/dx| (B,)."""
        x = x[:, self.order]
        log_scale, shift = self._read(x, condition)
        return (x - shift) * torch.exp(-log_scale), -log_scale.sum(1)

    def inverse(self, y: Tensor, condition: Tensor) -> Tensor:
        """x of y: (B, K), number by number: K passes."""
        x = torch.zeros_like(y)
        for number in range(y.shape[1]):
            log_scale, shift = self._read(x, condition)
            moved = y[:, number] * torch.exp(log_scale[:, number]) + shift[:, number]
            x = torch.cat([x[:, :number], moved[:, None], x[:, number + 1 :]], 1)
        return x[:, self.order.argsort()]

    def _read(self, x: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        seen = self.entry(x)
        if self.told is not None:
            seen = seen + self.told(condition)
        silu = nn.functional.silu
        raw, shift = self.head(silu(self.body(silu(seen)))).chunk(2, 1)
        return STEEPEST * torch.tanh(raw / STEEPEST), shift


def maf(size: int, condition: int, layers: int, width: int, generator: torch.Generator) -> Chain:
    """`layers` autoregressive layers one after another; `size` numbers, at least 2."""
    if size < 2:
        raise ValueError(f"numbers are changed by those before them, and there is {size}")
    reverse = torch.arange(size).flip(0)
    return Chain(
        lambda order: Autoregressive(order, condition, width, generator), reverse, layers, generator
    )
