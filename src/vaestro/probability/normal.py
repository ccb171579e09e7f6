"""Formulas of the diagonal Gaussian N(mean, exp(log_variance)), elementwise, in nats.

Every argument broadcasts against the others; nothing is summed.
"""

import math

import torch
from torch import Tensor

from vaestro.probability.log_bounds import compress

LOG_2PI = math.log(2 * math.pi)


def log_normal(z: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """log N(z; mean, exp(log_variance)) of each element."""
    squared = (z - mean).square() * torch.exp(-log_variance)
    return -0.5 * (squared + log_variance + LOG_2PI)


def kl_to_standard(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, exp(log_variance)) || N(0, 1)) (Kingma and Welling 2014, app. B).

    (mean^2 + variance - 1 - log variance) / 2. expm1 keeps the value exact near 0, where
    exp(l) - 1 - l would cancel.
    """
    return 0.5 * (mean.square() + torch.expm1(log_variance) - log_variance)


def kl(mean: Tensor, log_variance: Tensor, to_mean: Tensor, to_log_variance: Tensor) -> Tensor:
    """KL(N(mean, exp(log_variance)) || N(to_mean, exp(to_log_variance))).

    The affine map that makes the second Gaussian standard changes no KL.
    """
    whitened = (mean - to_mean) * torch.exp(-0.5 * to_log_variance)
    return kl_to_standard(whitened, log_variance - to_log_variance)


def bounded(log_variance: Tensor) -> Tensor:
    """A learned log-variance kept smoothly within [-10, 10] before any exp."""
    return compress(log_variance, -10.0, 10.0)
