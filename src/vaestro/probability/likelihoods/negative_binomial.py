"""Negative binomial counts by mean and inverse dispersion: Poisson with a wider variance.

Shape letters: B batch, P = 1 or 2 outputs per element, * the sample's axes.
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
from vaestro.probability.likelihoods.poisson import SMALLEST_MEAN, log_of_rate
from vaestro.probability.likelihoods.precision import widened
from vaestro.probability.likelihoods.spread import Shared, SpreadConfigWithoutOptimal
from vaestro.probability.likelihoods.spread_parts import build_spread

DISPERSION_FLOOR = 1e-4
"""What a fitted floor of None means for r: a mass is bounded, so nothing of the data's enters."""

STIRLING_ABOVE = 10.0
"""r above which log Gamma(x + r) - log Gamma(r) is taken from Stirling's series."""


class NegativeBinomialConfig(Config):
    """Counts of mean m = exp(output) and variance m + m^2 / r.

    `dispersion` is the inverse dispersion r as a part: large r is nearly Poisson, small r is
    overdispersed; `dispersion: 2` is a fixed one.
    """

    kind: Literal["negative-binomial"] = "negative-binomial"
    dispersion: SpreadConfigWithoutOptimal = Shared()


class NegativeBinomial(Likelihood):
    """log p(x | m, r) = log C(x + r - 1, x) + x log(m / (r + m)) + r log(r / (r + m)).

    Summed over the elements; log m is compressed to +-20. For large r, where these terms cancel,
    Stirling's series takes their common part out, so that r = 1e8 is as exact as r = 1.
    """

    kind = "negative-binomial"
    discrete = True
    supports: tuple[ValueKind, ...] = ("counts",)

    def __init__(self, config: NegativeBinomialConfig, spec: SampleSpec) -> None:
        super().__init__()
        self.spread = build_spread(config.dispersion, DISPERSION_FLOOR)
        self.outputs_per_element = 1 + self.spread.outputs_per_element

    def shown(self, x: Tensor) -> Tensor:
        """log(1 + x) of counts x: (B, *), which differ by orders of magnitude (scVI, Lopez et al.
        2018)."""
        return torch.log1p(x)

    def log_prob(self, x: Tensor, outputs: Tensor) -> Tensor:
        """Nats (B,) of counts x: (B, *); computed in float64, where the device has it."""
        self.require_outputs(x, outputs)
        counts = widened(x)
        log_mean, log_r = self._logs(outputs)
        # log(1 + m / r) without forming the ratio
        log_ratio = torch.logaddexp(log_mean - log_r, torch.zeros_like(log_mean))
        r = torch.exp(log_r)
        values = (
            _log_rising(counts, r, log_r)
            - torch.lgamma(counts + 1.0)
            + counts * (log_mean - log_r)
            - (r + counts) * log_ratio
        )
        return sum_elements(values).to(outputs.dtype)

    def mean(self, outputs: Tensor) -> Tensor:
        """m, (B, *)."""
        return torch.exp(log_of_rate(location_and_raw(outputs)[0]))

    def sample(self, outputs: Tensor, generator: torch.Generator) -> Tensor:
        """Poisson counts of rate (m / r) Gamma(r), (B, *)."""
        log_mean, log_r = self._logs(outputs)
        shape = torch.exp(log_r).expand_as(log_mean).contiguous()
        gamma = torch._standard_gamma(shape, generator=generator)
        counts = torch.poisson(gamma * torch.exp(log_mean - log_r), generator=generator)
        return counts.to(outputs.dtype)

    def initial_outputs(self, data_mean: Tensor) -> Tensor:
        """The log of the mean, and where it is fitted the initial raw r: (P, *)."""
        raw = [torch.full_like(data_mean, self.spread.initial_raw)] * (self.outputs_per_element - 1)
        return torch.stack([torch.log(data_mean.clamp(min=SMALLEST_MEAN)), *raw])

    def _logs(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """log m (B, *) and log r (B, *) or scalar."""
        location, raw = location_and_raw(outputs)
        log_r = self.spread.log_quantity(None if raw is None else widened(raw))
        return log_of_rate(widened(location)), widened(log_r)


def _log_rising(x: Tensor, r: Tensor, log_r: Tensor) -> Tensor:
    """log Gamma(x + r) - log Gamma(r), for x >= 0 and any r > 0.

    Above 10: x log r + (x + r - 1/2) log(1 + x / r) - x + S(x + r) - S(r), S Stirling's remainder.
    """
    small = r.clamp(max=STIRLING_ABOVE)
    direct = torch.lgamma(x + small) - torch.lgamma(small)
    large = r.clamp(min=STIRLING_ABOVE)
    grown = x + large
    series = x * log_r + (grown - 0.5) * torch.log1p(x / large) - x
    series = series + _stirling_remainder(grown) - _stirling_remainder(large)
    return torch.where(r > STIRLING_ABOVE, series, direct)


def _stirling_remainder(r: Tensor) -> Tensor:
    """log Gamma(r) - (r - 1/2) log r + r - log(2 pi) / 2, to 1e-13 for r >= 10."""
    square = r.reciprocal().square()
    inner = 1 / 1260 - square * (1 / 1680 - square * (1 / 1188 - square * (691 / 360360)))
    return (1 / 12 - square * (1 / 360 - square * inner)) / r
