"""Importance-weighted estimates of log p(x). Shape letters: S importance samples, B batch."""

from typing import NamedTuple

import torch
from torch import Tensor

from vaestro.foundation.log_mean import log_mean_exp


class Marginal(NamedTuple):
    """log p(x) estimates (B,) in nats and the Monte Carlo variance of each (B,), both float64."""

    log_prob: Tensor
    variance: Tensor


def marginal_log_prob(log_weights: Tensor) -> Marginal:
    """log (1/S) sum_s w_s from log w: (S, B), with log-sum-exp in 64 bits.

    A lower bound on log p(x) in expectation, tighter with more samples (Burda et al. 2016, eq. 8).
    The variance is the delta method's: Var(w) / (S mean(w)^2).
    """
    log_weights = log_weights.double()
    samples = log_weights.shape[0]
    log_mean = log_mean_exp(log_weights)
    relative = torch.exp(log_weights - log_mean)
    spread = relative.var(0, unbiased=True) if samples > 1 else torch.zeros_like(log_mean)
    return Marginal(log_mean, spread / samples)
