"""Bernoulli: binary data by their logits; greys by the same cross-entropy.

Shape letters: B batch, P = 1 output per element, * the sample's axes.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from vaestro.foundation.config import Config
from vaestro.foundation.samples import SampleSpec, ValueKind
from vaestro.probability.likelihoods.likelihood import (
    Likelihood,
    location_and_raw,
    sum_elements,
)

CLIP = 1e-3
"""Data means are clipped this far inside (0, 1) before their logit becomes a bias."""


class BernoulliConfig(Config):
    """p(x = 1) = sigmoid(output)."""

    kind: Literal["bernoulli"] = "bernoulli"


class Bernoulli(Likelihood):
    """log p(x | l) = x log sigmoid(l) + (1 - x) log sigmoid(-l), summed over the elements.

    On binary data this is a probability mass and `discrete` is True. On greys in [0, 1] it is the
    usual cross-entropy, which is no normalised density (Loaiza-Ganem and Cunningham 2019): its
    nats compare only with each other, and `discrete` is False. Draws are 0 or 1.
    """

    kind = "bernoulli"
    supports: tuple[ValueKind, ...] = ("binary", "unit")

    def __init__(self, config: BernoulliConfig, spec: SampleSpec) -> None:
        super().__init__()
        self.discrete = spec.values == "binary"

    def log_prob(self, x: Tensor, outputs: Tensor) -> Tensor:
        """Nats (B,) of x: (B, *) in [0, 1]; in {0, 1} where the data are binary.

        Both forms keep the tiny cost of a confident right answer, which the usual
        (1 - x) l - log sigmoid(l) loses by cancellation: at l = -12 a third of its digits.
        """
        self.require_outputs(x, outputs)
        logits, _ = location_and_raw(outputs)
        if self.discrete:
            return sum_elements(F.logsigmoid((2.0 * x - 1.0) * logits))
        # l * sign(l) is |l|. At l = 0 the sign is 0 and the gradient x - 1/2, as it must be.
        sign = torch.sign(logits.detach())
        certain = torch.sub(x, sign + 1.0, alpha=0.5)
        return sum_elements(torch.addcmul(F.logsigmoid(sign * logits), certain, logits))

    def mean(self, outputs: Tensor) -> Tensor:
        """sigmoid(l), (B, *)."""
        return torch.sigmoid(location_and_raw(outputs)[0])

    def sample(self, outputs: Tensor, generator: torch.Generator) -> Tensor:
        """Zeros and ones, (B, *)."""
        return torch.bernoulli(self.mean(outputs), generator=generator)

    def initial_outputs(self, data_mean: Tensor) -> Tensor:
        """The logit of the mean clipped to [0.001, 0.999], (1, *)."""
        return torch.logit(data_mean, eps=CLIP)[None]
