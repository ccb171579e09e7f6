"""Gaussian with a variance part: fixed, shared, optimal or fitted per element.

Shape letters: B batch, P = 1 or 2 outputs per element, * the sample's axes.
"""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from vaestro.foundation.config import Config
from vaestro.foundation.samples import SampleSpec
from vaestro.probability.likelihoods.likelihood import (
    Likelihood,
    location_and_raw,
    sum_elements,
)
from vaestro.probability.likelihoods.spread import Fixed, SpreadConfig
from vaestro.probability.likelihoods.spread_parts import build_spread, variance_floor
from vaestro.probability.normal import LOG_2PI


class GaussianConfig(Config):
    """N(x; output, variance). `variance: 0.1` is a fixed one, `variance: optimal` a kind."""

    kind: Literal["gaussian"] = "gaussian"
    variance: SpreadConfig = Fixed()


class Gaussian(Likelihood):
    """log p(x | m, v) = -((x - m)^2 / v + log v + log 2 pi) / 2, summed over the elements.

    With the optimal variance v = mean (x - m)^2 over batch and elements, so that the mean NLL of
    N elements is N/2 (log(2 pi MSE) + 1). A fitted floor of None is the variance of the data's
    quantisation noise, resolution^2 / 12, else 1e-4.
    """

    kind = "gaussian"

    def __init__(self, config: GaussianConfig, spec: SampleSpec) -> None:
        super().__init__()
        self.config = config
        self.spread = build_spread(config.variance, variance_floor(spec))
        self.outputs_per_element = 1 + self.spread.outputs_per_element

    @property
    def fixed_variance(self) -> float | None:
        """The variance when it is fixed, else None."""
        variance = self.config.variance
        return variance.value if isinstance(variance, Fixed) else None

    def log_prob(self, x: Tensor, outputs: Tensor) -> Tensor:
        """Nats (B,) of x: (B, *)."""
        self.require_outputs(x, outputs)
        mean, raw = location_and_raw(outputs)
        squared = F.mse_loss(mean, x, reduction="none")
        if raw is not None:
            log_variance = self.spread.log_quantity(raw)
            return -0.5 * sum_elements(squared * torch.exp(-log_variance) + log_variance + LOG_2PI)
        total, elements = sum_elements(squared), math.prod(x.shape[1:])
        log_variance = self.spread.log_quantity(None, total.mean() / elements)
        return -0.5 * (total * torch.exp(-log_variance) + elements * (log_variance + LOG_2PI))

    def mean(self, outputs: Tensor) -> Tensor:
        """The first output, (B, *)."""
        return location_and_raw(outputs)[0]

    def std(self, outputs: Tensor) -> Tensor:
        """The standard deviation, (B, *) when fitted, else a scalar."""
        return torch.exp(0.5 * self.spread.log_quantity(location_and_raw(outputs)[1]))

    def sample(self, outputs: Tensor, generator: torch.Generator) -> Tensor:
        """mean + std * noise, (B, *)."""
        mean = self.mean(outputs)
        noise = torch.randn(mean.shape, generator=generator, device=mean.device, dtype=mean.dtype)
        return mean + self.std(outputs) * noise

    def initial_outputs(self, data_mean: Tensor) -> Tensor:
        """The data's mean, and where it is fitted the initial raw variance: (P, *)."""
        raw = [torch.full_like(data_mean, self.spread.initial_raw)] * (self.outputs_per_element - 1)
        return torch.stack([data_mean, *raw])
