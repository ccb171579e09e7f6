"""Continuous Bernoulli: a normalised density on [0, 1] (Loaiza-Ganem and Cunningham 2019).

Shape letters: B batch, P = 1 output per element, * the sample's axes.
"""

from typing import Literal

import torch
from torch import Tensor

from vaestro.foundation.config import Config
from vaestro.foundation.samples import SampleSpec, ValueKind
from vaestro.probability.likelihoods.likelihood import (
    Likelihood,
    location_and_raw,
    sum_elements,
)
from vaestro.probability.likelihoods.precision import widened

SERIES_BELOW = 0.5
"""|eta| below which the normaliser and the mean are taken from their series."""

CLIP = 1e-2
"""Data means are clipped this far inside (0, 1): beyond, |eta| above 100 makes spikes."""


class ContinuousBernoulliConfig(Config):
    """Density proportional to exp(eta x) on [0, 1], eta the output (a logit)."""

    kind: Literal["continuous-bernoulli"] = "continuous-bernoulli"


class ContinuousBernoulli(Likelihood):
    """log p(x | eta) = x eta - softplus(eta) + log C, C = eta / tanh(eta / 2).

    Computed as (x - 1[eta > 0]) eta + log(a / (1 - exp(-a))) with a = |eta|, which is the same and
    cancels nowhere; below a = 1/2 as (x - 1/2) eta - log(sinh(eta / 2) / (eta / 2)) by series, so
    that value and gradient are smooth through 0.
    """

    kind = "continuous-bernoulli"
    supports: tuple[ValueKind, ...] = ("binary", "unit")

    def __init__(self, config: ContinuousBernoulliConfig, spec: SampleSpec) -> None:
        super().__init__()

    def log_prob(self, x: Tensor, outputs: Tensor) -> Tensor:
        """Nats (B,) of x: (B, *) in [0, 1]; a density."""
        self.require_outputs(x, outputs)
        eta, _ = location_and_raw(outputs)
        size = eta.abs()
        far = size.clamp(min=SERIES_BELOW)  # keeps the unused branch, and its gradient, finite
        direct = (x - (eta > 0).to(x.dtype)) * eta + torch.log(far / -torch.expm1(-far))
        near = eta.clamp(-SERIES_BELOW, SERIES_BELOW)
        return sum_elements(
            torch.where(size < SERIES_BELOW, (x - 0.5) * near - _log_sinhc(0.5 * near), direct)
        )

    def mean(self, outputs: Tensor) -> Tensor:
        """1 / (1 - exp(-eta)) - 1 / eta, (B, *); 1/2 at 0."""
        return _mean(location_and_raw(outputs)[0])

    def sample(self, outputs: Tensor, generator: torch.Generator) -> Tensor:
        """By the inverse of the distribution function, (B, *).

        For a = |eta|, -log(1 - u (1 - exp(-a))) / a is the exponential of rate a cut at 1; it is
        mirrored where eta > 0. At |eta| below 1e-6 that is the uniform to six digits.
        """
        eta, _ = location_and_raw(outputs)
        rate = eta.abs().clamp(min=1e-6)
        uniform = torch.rand(eta.shape, generator=generator, device=eta.device, dtype=eta.dtype)
        short = (-torch.log1p(uniform * torch.expm1(-rate)) / rate).clamp(0.0, 1.0)
        return torch.where(eta > 0, 1.0 - short, short)

    def initial_outputs(self, data_mean: Tensor) -> Tensor:
        """The eta whose mean is `data_mean` clipped to [0.01, 0.99], by bisection, (1, *)."""
        wanted = widened(data_mean).clamp(CLIP, 1.0 - CLIP)
        low, high = torch.full_like(wanted, -1.0 / CLIP), torch.full_like(wanted, 1.0 / CLIP)
        for _ in range(60):
            middle = 0.5 * (low + high)
            below = _mean(middle) < wanted
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        return (0.5 * (low + high)).to(data_mean.dtype)[None]


def _log_sinhc(half: Tensor) -> Tensor:
    """log(sinh(y) / y) for |y| <= 1/4, to 1e-14."""
    square = half.square()
    inner = 1 / 2835 - square * (1 / 37800 - square / 467775)
    return square * (1 / 6 - square * (1 / 180 - square * inner))


def _mean(eta: Tensor) -> Tensor:
    """The mean for any eta: 1/2 + eta/12 - eta^3/720 + eta^5/30240 - ... near 0."""
    size = eta.abs()
    far = size.clamp(min=SERIES_BELOW)
    short = far.reciprocal() - torch.exp(-far) / -torch.expm1(-far)  # of the side farther from x
    direct = torch.where(eta > 0, 1.0 - short, short)
    near = eta.clamp(-SERIES_BELOW, SERIES_BELOW)
    square = near.square()
    inner = 1 / 30240 - square * (1 / 1209600 - square / 47900160)
    series = 0.5 + near * (1 / 12 - square * (1 / 720 - square * inner))
    return torch.where(size < SERIES_BELOW, series, direct)
