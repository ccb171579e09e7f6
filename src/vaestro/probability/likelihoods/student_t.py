"""Student-t with a scale part: heavy tails, so that outliers pull little.

Shape letters: B batch, P = 1 or 2 outputs per element, * the sample's axes.
"""

import math
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from vaestro.foundation.config import Config
from vaestro.foundation.samples import SampleSpec
from vaestro.probability.likelihoods.likelihood import (
    Likelihood,
    location_and_raw,
    sum_elements,
)
from vaestro.probability.likelihoods.spread import Fixed, SpreadConfigWithoutOptimal
from vaestro.probability.likelihoods.spread_parts import build_spread, variance_floor


class StudentTConfig(Config):
    """Student-t of `degrees` of freedom about the output. `scale: 0.1` is a fixed one.

    Far above 100 degrees it is a Gaussian of variance scale^2: give kind gaussian for that.
    """

    kind: Literal["student-t"] = "student-t"
    degrees: float = Field(default=4.0, ge=0.01, le=1e4)
    scale: SpreadConfigWithoutOptimal = Fixed()


class StudentT(Likelihood):
    """log p(x | m, s) = log c - log s - (n + 1)/2 log(1 + ((x - m)/s)^2 / n), n degrees.

    c = Gamma((n + 1)/2) / (Gamma(n/2) sqrt(n pi)). A fitted floor of None is the standard deviation
    of the data's quantisation noise, else 0.01.
    """

    kind = "student-t"

    def __init__(self, config: StudentTConfig, spec: SampleSpec) -> None:
        super().__init__()
        self.degrees = n = config.degrees
        self.log_constant = (
            math.lgamma(0.5 * (n + 1.0)) - math.lgamma(0.5 * n) - 0.5 * math.log(n * math.pi)
        )
        self.spread = build_spread(config.scale, math.sqrt(variance_floor(spec)))
        self.outputs_per_element = 1 + self.spread.outputs_per_element

    def log_prob(self, x: Tensor, outputs: Tensor) -> Tensor:
        """Nats (B,) of x: (B, *)."""
        self.require_outputs(x, outputs)
        location, raw = location_and_raw(outputs)
        log_scale = self.spread.log_quantity(raw)
        squared = ((x - location) * torch.exp(-log_scale)).square()
        tail = 0.5 * (self.degrees + 1.0) * torch.log1p(squared / self.degrees)
        return sum_elements(self.log_constant - log_scale - tail)

    def mean(self, outputs: Tensor) -> Tensor:
        """The location, (B, *): the mean above one degree of freedom, always the median."""
        return location_and_raw(outputs)[0]

    def scale(self, outputs: Tensor) -> Tensor:
        """The scale s, (B, *) when fitted, else a scalar."""
        return torch.exp(self.spread.log_quantity(location_and_raw(outputs)[1]))

    def sample(self, outputs: Tensor, generator: torch.Generator) -> Tensor:
        """location + s sqrt(n (u^(-2/n) - 1)) cos(2 pi v), u and v uniform, (B, *).

        Bailey's polar method (1994), exact; a draw farther than e^40 scales is cut there.
        """
        location = self.mean(outputs)
        u, v = torch.rand(
            2, *location.shape, generator=generator, device=location.device, dtype=location.dtype
        )
        power = (torch.log1p(-u) * (-2.0 / self.degrees)).clamp(max=80.0)
        radius = torch.sqrt(self.degrees * torch.expm1(power))
        return location + self.scale(outputs) * radius * torch.cos(2.0 * math.pi * v)

    def initial_outputs(self, data_mean: Tensor) -> Tensor:
        """The data's mean, and where it is fitted the initial raw scale: (P, *)."""
        raw = [torch.full_like(data_mean, self.spread.initial_raw)] * (self.outputs_per_element - 1)
        return torch.stack([data_mean, *raw])
