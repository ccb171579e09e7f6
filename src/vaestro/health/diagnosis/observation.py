"""The data terms that a foreign model may mean: Gaussian or Bernoulli, in nats per sample.

Shape letters: N samples, B batch, D elements, * the sample's axes.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from vaestro.health.diagnosis.patient import Decoded

LOG_2PI = math.log(2 * math.pi)
ROWS = 1000
"""Samples that a covariance is taken of."""


@dataclass(frozen=True)
class GaussianObservation:
    """N(x; mean, variance), or the decoder's own variance where it gives one."""

    variance: float | None = 1.0

    def nats(self, x: Tensor, decoded: Decoded) -> Tensor:
        """((x - m)^2 / v + log v + log 2 pi) / 2, summed: (B,)."""
        squared = (x - decoded.mean).square().flatten(1)
        if decoded.variance is not None:
            variance = decoded.variance.expand_as(x).flatten(1)
            return 0.5 * (squared / variance + variance.log() + LOG_2PI).sum(1)
        fixed = 1.0 if self.variance is None else self.variance
        return 0.5 * (squared.sum(1) / fixed + squared.shape[1] * (math.log(fixed) + LOG_2PI))

    def constant(self, x: Tensor) -> float:
        """With a fitted variance: D/2 (log(2 pi tr S / D) + 1), one variance for all elements."""
        elements = math.prod(x.shape[1:])
        total = total_variance(x)
        if self.variance is None:
            return 0.5 * elements * (math.log(max(total, 1e-30) / elements) + LOG_2PI + 1)
        return 0.5 * (total / self.variance + elements * (math.log(self.variance) + LOG_2PI))

    def critical_beta(self, x: Tensor) -> float | None:
        """The largest eigenvalue of the covariance over the variance (Lucas et al. 2019)."""
        return None if self.variance is None else largest_eigenvalue(x) / self.variance


@dataclass(frozen=True)
class BernoulliObservation:
    """The cross-entropy of x in [0, 1] under probabilities."""

    variance: float | None = None

    def nats(self, x: Tensor, decoded: Decoded) -> Tensor:
        """-(x log p + (1 - x) log(1 - p)), summed: (B,). Logarithms stop at -100, as torch's do."""
        p = decoded.mean.clamp(0, 1)
        yes, no = p.log().clamp(min=-100), torch.log1p(-p).clamp(min=-100)
        return -(x * yes + (1 - x) * no).flatten(1).sum(1)

    def constant(self, x: Tensor) -> float:
        """The entropy of the mean sample."""
        p = x.double().mean(0).clamp(1e-12, 1 - 1e-12)
        return float(-(p * p.log() + (1 - p) * torch.log1p(-p)).sum())

    def critical_beta(self, x: Tensor) -> float | None:
        """The largest eigenvalue of G^-1/2 S G^-1/2, G = diag p (1 - p); constant elements out."""
        flat = x.flatten(1).double()
        p = flat.mean(0)
        live = (p > 1e-6) & (p < 1 - 1e-6)
        scale = (p * (1 - p)).sqrt()
        return largest_eigenvalue(flat[:, live] / scale[live])


def total_variance(x: Tensor) -> float:
    """tr S, the summed variance of the elements of x: (N, *)."""
    return float(x.flatten(1).double().var(0, correction=0).sum())


def largest_eigenvalue(x: Tensor) -> float:
    """Of the covariance (1/N) of at most ROWS samples x: (N, *), by their inner products."""
    flat = x.flatten(1)[:: max(1, len(x) // ROWS)].double()
    centred = flat - flat.mean(0)
    gram = centred @ centred.T if len(centred) <= centred.shape[1] else centred.T @ centred
    return float(torch.linalg.eigvalsh(gram / len(centred))[-1])
