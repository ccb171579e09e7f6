"""Smooth bounds for numbers that are about to be exponentiated."""

import torch
from torch import Tensor


def compress(value: Tensor, low: float, high: float) -> Tensor:
    """`value` inside [low, high], with logarithmic tails outside.

    high + log1p(value - high) above, low - log1p(low - value) below. The gradient 1 / (1 + excess)
    is nonzero in float32 even at 1e10, so a far value returns; saturating clamps (tanh, nested
    softplus) underflow to gradient 0, and a hard clip after exp gives 0 * inf = NaN.
    """
    wide = value.float() if value.dtype in (torch.bfloat16, torch.float16) else value
    inside = wide.clamp(low, high)
    above = torch.log1p((wide - high).clamp(min=0.0))
    below = torch.log1p((low - wide).clamp(min=0.0))
    return inside + above - below
