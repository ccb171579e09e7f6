"""How well what was said agrees with what is so. Shape letters: N samples, Q values."""

import torch
from torch import Tensor

from vaestro.foundation.plain import finite


def share(right: Tensor) -> float:
    """The share of N answers (N,), bool, that are right."""
    return float(right.double().mean())


def mean_square(error: Tensor) -> float | None:
    """The mean of squared errors (N,); None where it is not finite."""
    return finite(float(error.double().square().mean()))


def r_squared(true: Tensor, said: Tensor) -> float | None:
    """1 - sum (true - said)^2 / sum (true - mean true)^2 over (N,): at most 1, 0 for the mean.

    None where the truth does not vary, and where what is said is not finite.
    """
    total = float((true.double() - true.double().mean()).square().sum())
    if not total > 0:
        return None
    return finite(1 - float((true.double() - said.double()).square().sum()) / total)


def monotone(one: Tensor, other: Tensor) -> float | None:
    """Spearman's rank correlation of (Q,) and (Q,), -1 to 1; None where one does not vary."""
    if not bool(torch.isfinite(one).all() and torch.isfinite(other).all()):
        return None
    a, b = (ranks - ranks.mean() for ranks in (_ranks(one), _ranks(other)))
    size = float(a.norm() * b.norm())
    return float(a @ b) / size if size > 0 else None


def _ranks(values: Tensor) -> Tensor:
    """The rank of each of (Q,), equal ones sharing their mean; by comparing all with all."""
    below = (values[:, None] > values).double().sum(1)
    return below + 0.5 * (values[:, None] == values).double().sum(1)
