"""The kernel distance of two sets of features (KID on Inception's; Bińkowski et al. 2018).

Shape letters: N features of one set, M of the other, D numbers each, B blocks.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from vaestro.foundation.errors import DataError

BLOCKS = 20
"""So many blocks, left out in turn, give the standard error."""


class Kernel(NamedTuple):
    """An unbiased estimate, which may be negative, and its standard error (None below four of a
    set)."""

    distance: float
    standard_error: float | None


def kernel_distance(one: Tensor, other: Tensor) -> Kernel:
    """MMD^2 of features (N, D) and (M, D) under k(a, b) = (a.b / D + 1)^3, in 64 bits.

    Unbiased for every N and M, unlike the Fréchet distance. The standard error is the jackknife's
    over at most 20 blocks that are left out of both sets: right where the sets differ, and up to
    1.4 times too large where they do not (Efron and Stein 1981). Memory (N + M)^2.
    Features enter as they are: the kernel is no longer the same for features of another scale.
    Raises DataError for a set of fewer than two.
    """
    if min(len(one), len(other)) < 2:
        raise DataError(f"sets of {len(one)} and {len(other)} are too few; give two or more")
    one, other = one.double(), other.double()
    blocks = min(BLOCKS, len(one) // 2, len(other) // 2)
    rows = [torch.arange(len(x)) * blocks // len(x) for x in (one, other)]
    sums = _Sums.of(one, other, rows, blocks)
    found = float(sums.without(None))
    if blocks < 2:
        return Kernel(found, None)
    left = torch.stack([sums.without(block) for block in range(blocks)])
    spread = (left - left.mean()).square().sum() * (blocks - 1) / blocks
    return Kernel(found, float(spread.sqrt()))


class _Sums(NamedTuple):
    """Sums of the kernel between blocks, (B, B) each, own pairs left out, and the blocks' sizes."""

    one: Tensor
    other: Tensor
    between: Tensor
    size: Tensor
    size_other: Tensor

    @classmethod
    def of(cls, one: Tensor, other: Tensor, rows: list[Tensor], blocks: int) -> "_Sums":
        masks = [torch.nn.functional.one_hot(r, blocks).to(one) for r in rows]
        within = [_polynomial(x, x).fill_diagonal_(0) for x in (one, other)]
        mine, theirs = (m.T @ k @ m for k, m in zip(within, masks, strict=True))
        between = masks[0].T @ _polynomial(one, other) @ masks[1]
        return cls(mine, theirs, between, masks[0].sum(0), masks[1].sum(0))

    def without(self, block: int | None) -> Tensor:
        """MMD^2 of what stays when one block is left out of both sets."""
        stays = torch.ones_like(self.size)
        if block is not None:
            stays[block] = 0
        n, m = stays @ self.size, stays @ self.size_other
        own, theirs, both = (stays @ part @ stays for part in self[:3])
        return own / (n * (n - 1)) + theirs / (m * (m - 1)) - 2 * both / (n * m)


def _polynomial(one: Tensor, other: Tensor) -> Tensor:
    return (one @ other.T / one.shape[1] + 1) ** 3
