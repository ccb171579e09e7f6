"""The prior p(z) as a part: divergence from the posterior, density and samples.

Shape letters: B batch, K latents, N samples, S samples of z for each x, V covariates.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from vaestro.foundation.samples import NOTHING, Given
from vaestro.probability.posterior import Posterior


class Prior(nn.Module, ABC):
    """p(z) over K latents. Concrete classes are final.

    `given`: the conditions of the B samples, for a prior that depends on them; it raises
    RecipeError where they lack what it needs. Others pay no heed to it.
    """

    @abstractmethod
    def divergence(
        self,
        posterior: Posterior,
        z: Tensor,
        given: Given = NOTHING,
        noise: Tensor | None = None,
    ) -> Tensor:
        """KL(q(z|x) || p(z)) in nats per latent dimension, (B, K).

        `z` (B, K) is a draw from the posterior, for a prior whose KL has no closed form: it gives
        an unbiased estimate, (S, B, K) for z of that shape. `noise` (B, K) is standard normal, and
        independent of z where the posterior is a point: a prior that has to draw draws from it.
        """

    def lesson(self, z: Tensor, given: Given, noise: Tensor) -> Tensor | None:
        """What the prior's own critic learns from, (B,) nats, whatever the weight of the prior
        term; its gradient reaches nothing else. None for a prior without a critic."""
        return None

    @abstractmethod
    def log_prob(self, z: Tensor, given: Given = NOTHING) -> Tensor:
        """log p(z) in nats, summed over the last axis; z: (..., B, K)."""

    @abstractmethod
    def sample(
        self, count: int, latent: int, generator: torch.Generator, given: Given = NOTHING
    ) -> Tensor:
        """`count` draws of z, (N, K), on the generator's device; `latent` is K."""


def density_needed(posterior: Posterior) -> Tensor:
    """The log-variance (B, K) of a posterior; ValueError for a point.

    A recipe with a learned prior and a point is refused when it is read: the prior term of a point
    is 0 by definition, and nothing would teach the prior.
    """
    if posterior.log_variance is None:
        raise ValueError("a learned prior needs a posterior with a density, and this is a point")
    return posterior.log_variance
