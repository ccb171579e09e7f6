"""Importance-weighted estimates of log p(x). Shape letters: S importance samples, B batch."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from vaestro.foundation.log_mean import log_mean_exp


class Marginal(NamedTuple):
    """log p(x) estimates (B,) in nats and the Monte Carlo variance of each (B,), both float64."""

    log_prob: Tensor
    variance: Tensor


class Weights(NamedTuple):
    """S weights so far: log mean w and log mean w^2, (B,) in 64 bits, however many there were."""

    samples: int
    log_mean: Tensor
    log_square: Tensor

    @classmethod
    def of(cls, log_weights: Tensor) -> "Weights":
        """From log w: (S, B), by log-sum-exp."""
        wide = log_weights.double()
        return cls(len(wide), log_mean_exp(wide), log_mean_exp(2 * wide))

    def joined(self, more: "Weights") -> "Weights":
        """These and `more` of them."""
        samples = self.samples + more.samples
        shares = [math.log(part.samples / samples) for part in (self, more)]
        first = torch.logaddexp(self.log_mean + shares[0], more.log_mean + shares[1])
        second = torch.logaddexp(self.log_square + shares[0], more.log_square + shares[1])
        return Weights(samples, first, second)

    @property
    def marginal(self) -> Marginal:
        """log (1/S) sum_s w_s, a lower bound on log p(x) in expectation, tighter with more samples
        (Burda et al. 2016, eq. 8). The variance is the delta method's: Var(w) / (S mean(w)^2).
        """
        if self.samples == 1:
            return Marginal(self.log_mean, torch.zeros_like(self.log_mean))
        spread = torch.expm1(self.log_square - 2 * self.log_mean).clamp(min=0)
        return Marginal(self.log_mean, spread / (self.samples - 1))


def marginal_log_prob(log_weights: Tensor) -> Marginal:
    """log (1/S) sum_s w_s from log w: (S, B), with log-sum-exp in 64 bits."""
    return Weights.of(log_weights).marginal
