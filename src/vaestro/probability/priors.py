"""The prior p(z) as a part: divergence from the posterior, density and samples.

Shape letters: B batch, K latents, N samples.
"""

from abc import ABC, abstractmethod
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from vaestro.foundation.config import ByKind, Config
from vaestro.probability.posterior import LOG_2PI, Posterior


class Prior(nn.Module, ABC):
    """p(z) over K latents. Concrete classes are final."""

    @abstractmethod
    def divergence(self, posterior: Posterior, z: Tensor) -> Tensor:
        """KL(q(z|x) || p(z)) in nats per latent dimension, (B, K).

        `z` (B, K) is the posterior's sample, for priors whose KL has no closed form.
        """

    @abstractmethod
    def log_prob(self, z: Tensor) -> Tensor:
        """log p(z) in nats, summed over the last axis."""

    @abstractmethod
    def sample(self, count: int, latent: int, generator: torch.Generator) -> Tensor:
        """`count` draws of z, (N, K)."""


class StandardNormalConfig(Config):
    """N(0, I)."""

    kind: Literal["standard-normal"] = "standard-normal"


class StandardNormal(Prior):
    """N(0, I), with the closed-form KL of a diagonal Gaussian (Kingma and Welling 2014, app. B)."""

    def divergence(self, posterior: Posterior, z: Tensor) -> Tensor:
        """(mean^2 + variance - 1 - log variance) / 2; 0 for a point.

        expm1 keeps the value exact near 0, where exp(l) - 1 - l would cancel.
        """
        if posterior.log_variance is None:
            return torch.zeros_like(posterior.mean)
        log_variance = posterior.log_variance
        return 0.5 * (posterior.mean.square() + torch.expm1(log_variance) - log_variance)

    def log_prob(self, z: Tensor) -> Tensor:
        """-(|z|^2 + K log 2 pi) / 2."""
        return -0.5 * (z.square() + LOG_2PI).sum(-1)

    def sample(self, count: int, latent: int, generator: torch.Generator) -> Tensor:
        """Standard normal draws."""
        return torch.randn(count, latent, generator=generator, device=generator.device)


PriorConfig = Annotated[Annotated[StandardNormalConfig, Field()], ByKind]


def build_prior(config: StandardNormalConfig) -> Prior:
    """The prior that `config` describes."""
    return {StandardNormalConfig: StandardNormal}[type(config)]()
