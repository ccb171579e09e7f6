"""The approximate posterior q(z|x): a diagonal Gaussian, or a point for the plain autoencoder.

Shape letters: B batch, K latents, S samples of z.
"""

from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from vaestro.foundation.config import ByKind, Config, Widths
from vaestro.probability.normal import log_normal
from vaestro.probability.scale import LogVariance, ScaleConfig


class Posterior(NamedTuple):
    """q(z|x) = N(mean, exp(log_variance)), both (B, K); log_variance is None for a point."""

    mean: Tensor
    log_variance: Tensor | None

    def sample(self, noise: Tensor) -> Tensor:
        """mean + std * noise (Kingma and Welling 2014, eq. 10); noise: (B, K) or (S, B, K)."""
        if self.log_variance is None:
            return self.mean.expand(noise.shape)
        return self.mean + torch.exp(0.5 * self.log_variance) * noise

    def log_prob(self, z: Tensor) -> Tensor:
        """log q(z|x) in nats, summed over K; z: (..., B, K). A point has no density: ValueError."""
        if self.log_variance is None:
            raise ValueError("a deterministic posterior has no density")
        return log_normal(z, self.mean, self.log_variance).sum(-1)


class GaussianConfig(Config):
    """A diagonal Gaussian whose scale is a part; `epsilon_std` scales the sampler's noise.

    `hidden`: widths of ReLU layers that mean and scale each have for themselves.

    With epsilon_std other than 1 the sampler draws from another Gaussian than the KL measures;
    the field exists because published code does that, and is 1 unless asked for.
    """

    kind: Literal["gaussian"] = "gaussian"
    scale: ScaleConfig = LogVariance()
    hidden: Widths = ()
    epsilon_std: float = Field(default=1.0, ge=0)


class DeterministicConfig(Config):
    """A point: z is the mean, the prior term is 0. This makes the plain autoencoder."""

    kind: Literal["deterministic"] = "deterministic"
    hidden: Widths = ()


PosteriorConfig = Annotated[
    Annotated[GaussianConfig | DeterministicConfig, Field(discriminator="kind")], ByKind
]
