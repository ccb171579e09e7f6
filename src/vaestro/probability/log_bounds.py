"""Smooth bounds for logarithms: the identity inside, logarithmic tails outside.

A clamp has zero gradient outside its bounds and tanh or softplus bounds underflow to zero, so that
a far logarithm never returns. Here the gradient at a distance e outside is 1 / (1 + e), which
float32 holds even at 1e10.
"""

import torch
from torch import Tensor

_HALF_PRECISION = (torch.bfloat16, torch.float16)


def compress(value: Tensor, low: float, high: float) -> Tensor:
    """`value` between `low` and `high`; beyond them, the bound plus or minus log1p(excess).

    Elementwise, any shape, once continuously differentiable. Half precision is computed and
    returned in float32, because what follows is an exp. NaN stays NaN, infinity stays infinite.
    Raises ValueError unless low < high.
    """
    if not low < high:
        raise ValueError(f"low={low} must be below high={high}")
    value = value.float() if value.dtype in _HALF_PRECISION else value
    inside = value.clamp(low, high)
    # At a bound, clamp passes the whole gradient and abs(0) none: no branch counts twice.
    excess = value - inside
    # A sign has no gradient: detached, none is computed for it.
    return inside + torch.sign(excess.detach()) * torch.log1p(excess.abs())
