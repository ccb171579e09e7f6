"""Laplace with a scale part: the absolute error as a likelihood.

Shape letters: B batch, P = 1 or 2 outputs per element, * the sample's axes.
"""

import math
from typing import Literal

import torch
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

LOG_2 = math.log(2.0)


class LaplaceConfig(Config):
    """Laplace(x; output, scale). `scale: 0.1` is a fixed one, `scale: optimal` a kind."""

    kind: Literal["laplace"] = "laplace"
    scale: SpreadConfig = Fixed()


class Laplace(Likelihood):
    """log p(x | m, b) = -|x - m| / b - log b - log 2, summed over the elements.

    With the optimal scale b = mean |x - m| over batch and elements. A fitted floor of None is the
    scale whose variance 2 b^2 is that of the data's quantisation noise, else 1e-4.
    """

    kind = "laplace"

    def __init__(self, config: LaplaceConfig, spec: SampleSpec) -> None:
        super().__init__()
        self.spread = build_spread(config.scale, math.sqrt(variance_floor(spec) / 2.0))
        self.outputs_per_element = 1 + self.spread.outputs_per_element

    def log_prob(self, x: Tensor, outputs: Tensor) -> Tensor:
        """Nats (B,) of x: (B, *)."""
        self.require_outputs(x, outputs)
        location, raw = location_and_raw(outputs)
        error = (x - location).abs()
        if raw is not None:
            log_scale = self.spread.log_quantity(raw)
            return -sum_elements(error * torch.exp(-log_scale) + log_scale + LOG_2)
        total, elements = sum_elements(error), math.prod(x.shape[1:])
        log_scale = self.spread.log_quantity(None, total.mean() / elements)
        return -(total * torch.exp(-log_scale) + elements * (log_scale + LOG_2))

    def mean(self, outputs: Tensor) -> Tensor:
        """The first output, (B, *)."""
        return location_and_raw(outputs)[0]

    def std(self, outputs: Tensor) -> Tensor:
        """The standard deviation sqrt(2) b, (B, *) when fitted, else a scalar."""
        log_scale = self.spread.log_quantity(location_and_raw(outputs)[1])
        return torch.exp(log_scale) * math.sqrt(2.0)

    def sample(self, outputs: Tensor, generator: torch.Generator) -> Tensor:
        """location + b (E1 - E2) with E1, E2 standard exponential, (B, *)."""
        location = self.mean(outputs)
        pair = torch.empty(2, *location.shape, device=location.device, dtype=location.dtype)
        first, second = pair.exponential_(generator=generator).unbind(0)
        return location + self.std(outputs) * (first - second) / math.sqrt(2.0)

    def initial_outputs(self, data_mean: Tensor) -> Tensor:
        """The data's mean, and where it is fitted the initial raw scale: (P, *)."""
        raw = [torch.full_like(data_mean, self.spread.initial_raw)] * (self.outputs_per_element - 1)
        return torch.stack([data_mean, *raw])
