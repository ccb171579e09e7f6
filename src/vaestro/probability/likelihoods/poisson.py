"""Poisson counts by their log-rate.

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
from vaestro.probability.log_bounds import compress

LOG_LIMIT = 20.0
"""Log-rates are free within +-20 and compressed beyond."""

SMALLEST_MEAN = 1e-6
"""Data means below this start here, since log 0 is no bias."""


class PoissonConfig(Config):
    """Poisson(x; exp(output)), for counts."""

    kind: Literal["poisson"] = "poisson"


class Poisson(Likelihood):
    """log p(x | l) = x l - exp(l) - log x!, summed over the elements; l is compressed to +-20."""

    kind = "poisson"
    discrete = True
    supports: tuple[ValueKind, ...] = ("counts",)

    def __init__(self, config: PoissonConfig, spec: SampleSpec) -> None:
        super().__init__()

    def shown(self, x: Tensor) -> Tensor:
        """log(1 + x) of counts x: (B, *), which differ by orders of magnitude (scVI, Lopez et al.
        2018)."""
        return torch.log1p(x)

    def log_prob(self, x: Tensor, outputs: Tensor) -> Tensor:
        """Nats (B,) of counts x: (B, *); computed in float64, where the device has it."""
        self.require_outputs(x, outputs)
        counts = widened(x)
        log_rate = log_of_rate(widened(location_and_raw(outputs)[0]))
        values = counts * log_rate - torch.exp(log_rate) - torch.lgamma(counts + 1.0)
        return sum_elements(values).to(outputs.dtype)

    def mean(self, outputs: Tensor) -> Tensor:
        """The rate, (B, *)."""
        return torch.exp(log_of_rate(location_and_raw(outputs)[0]))

    def sample(self, outputs: Tensor, generator: torch.Generator) -> Tensor:
        """Counts, (B, *)."""
        return torch.poisson(self.mean(outputs), generator=generator)

    def initial_outputs(self, data_mean: Tensor) -> Tensor:
        """The log of the mean, at least 1e-6: (1, *)."""
        return torch.log(data_mean.clamp(min=SMALLEST_MEAN))[None]


def log_of_rate(raw: Tensor) -> Tensor:
    """A raw output as the logarithm of a count's mean, safe to exponentiate."""
    return compress(raw, -LOG_LIMIT, LOG_LIMIT)
