"""Discretised logistic: quantised values as bins of a logistic distribution.

Shape letters: B batch, P = 1 or 2 outputs per element, * the sample's axes.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from vaestro.foundation.config import Config
from vaestro.foundation.errors import RecipeError
from vaestro.foundation.samples import SampleSpec, ValueKind
from vaestro.probability.likelihoods.likelihood import (
    Likelihood,
    location_and_raw,
    sum_elements,
)
from vaestro.probability.likelihoods.precision import widened
from vaestro.probability.likelihoods.spread import Shared, SpreadConfigWithoutOptimal
from vaestro.probability.likelihoods.spread_parts import build_spread

BINS_PER_FLOOR = 20.0
"""A fitted floor of None is a bin's width over this: the best mass of one inner bin is 0.9999."""


class DiscretisedLogisticConfig(Config):
    """P(x) of the bin about x under a logistic of location `output`; `scale` is its scale."""

    kind: Literal["discretised-logistic"] = "discretised-logistic"
    scale: SpreadConfigWithoutOptimal = Shared(initial=0.1)


class DiscretisedLogistic(Likelihood):
    """P(x = k w) = sigmoid((k w + w/2 - m)/s) - sigmoid((k w - w/2 - m)/s), k = 0 .. levels - 1.

    w is the data's resolution; the first bin opens to minus infinity, the last to infinity, so the
    masses sum to 1 (Kingma et al. 2016; Salimans et al. 2017). With u and l the two arguments,
    log P = log sigmoid(u) + log sigmoid(-l) + log(1 - exp(l - u)): no difference is ever taken, so
    nothing cancels or needs a clamp. x is taken to its level.
    """

    kind = "discretised-logistic"
    discrete = True
    supports: tuple[ValueKind, ...] = ("binary", "unit", "counts")

    def __init__(self, config: DiscretisedLogisticConfig, spec: SampleSpec) -> None:
        super().__init__()
        self.check(spec)
        assert spec.levels is not None
        self.last = spec.levels - 1
        self.width = spec.scale
        self.spread = build_spread(config.scale, self.width / BINS_PER_FLOOR)
        self.outputs_per_element = 1 + self.spread.outputs_per_element

    def check(self, spec: SampleSpec) -> None:
        """Raise RecipeError unless the samples lie on known levels from 0 up."""
        super().check(spec)
        if spec.levels is None or spec.levels < 2:
            raise RecipeError(
                f"model.likelihood.kind={self.kind} needs quantised data (at least 2 levels), and "
                f"these have levels={spec.levels}; give model.likelihood.kind=gaussian"
            )

    def log_prob(self, x: Tensor, outputs: Tensor) -> Tensor:
        """Nats (B,) of x: (B, *) on the levels; computed in float64, where the device has it."""
        self.require_outputs(x, outputs)
        location, log_scale = self._location_and_log_scale(outputs)
        level = torch.round(widened(x) / self.width)
        rate = torch.exp(-log_scale)
        upper = ((level + 0.5) * self.width - location) * rate
        lower = ((level - 0.5) * self.width - location) * rate
        log_inner = torch.log(-torch.expm1(-self.width * rate))
        low_edge, high_edge = level <= 0, level >= self.last
        values = (
            F.logsigmoid(upper).masked_fill(high_edge, 0.0)
            + F.logsigmoid(-lower).masked_fill(low_edge, 0.0)
            + log_inner.expand_as(level).masked_fill(low_edge | high_edge, 0.0)
        )
        return sum_elements(values).to(outputs.dtype)

    def mean(self, outputs: Tensor) -> Tensor:
        """E[x] = w sum_k P(x > k w), (B, *): one sigmoid for each level but the last."""
        location, raw = location_and_raw(outputs)
        rate = torch.exp(-self.spread.log_quantity(raw))
        total = torch.zeros_like(location)
        for level in range(self.last):
            total = total + torch.sigmoid((location - (level + 0.5) * self.width) * rate)
        return total * self.width

    def sample(self, outputs: Tensor, generator: torch.Generator) -> Tensor:
        """A logistic draw taken to its bin's level, (B, *)."""
        location, log_scale = self._location_and_log_scale(outputs)
        uniform = torch.rand(
            location.shape, generator=generator, device=location.device, dtype=location.dtype
        )
        draw = location + torch.exp(log_scale) * torch.logit(uniform)
        level = torch.round(draw / self.width).clamp(0.0, float(self.last))
        return (level * self.width).to(outputs.dtype)

    def initial_outputs(self, data_mean: Tensor) -> Tensor:
        """The data's mean, and where it is fitted the initial raw scale: (P, *)."""
        raw = [torch.full_like(data_mean, self.spread.initial_raw)] * (self.outputs_per_element - 1)
        return torch.stack([data_mean, *raw])

    def _location_and_log_scale(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """m (B, *) and log s (B, *) or scalar, widened."""
        location, raw = location_and_raw(outputs)
        log_scale = self.spread.log_quantity(None if raw is None else widened(raw))
        return widened(location), widened(log_scale)
