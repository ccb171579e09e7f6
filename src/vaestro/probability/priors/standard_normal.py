"""The standard normal prior. Shape letters: B batch, K latents, N samples."""

from typing import Literal

import torch
from torch import Tensor

from vaestro.foundation.config import Config
from vaestro.foundation.samples import NOTHING, Given
from vaestro.probability.normal import LOG_2PI, kl_to_standard
from vaestro.probability.posterior import Posterior
from vaestro.probability.priors.prior import Prior


class StandardNormalConfig(Config):
    """N(0, I)."""

    kind: Literal["standard-normal"] = "standard-normal"


class StandardNormal(Prior):
    """N(0, I), with the closed-form KL of a diagonal Gaussian."""

    def divergence(
        self,
        posterior: Posterior,
        z: Tensor,
        given: Given = NOTHING,
        noise: Tensor | None = None,
    ) -> Tensor:
        """(mean^2 + variance - 1 - log variance) / 2, (B, K); 0 for a point."""
        if posterior.log_variance is None:
            return torch.zeros_like(posterior.mean)
        return kl_to_standard(posterior.mean, posterior.log_variance)

    def log_prob(self, z: Tensor, given: Given = NOTHING) -> Tensor:
        """-(|z|^2 + K log 2 pi) / 2."""
        return -0.5 * (z.square() + LOG_2PI).sum(-1)

    def sample(
        self, count: int, latent: int, generator: torch.Generator, given: Given = NOTHING
    ) -> Tensor:
        """Standard normal draws (N, K)."""
        return torch.randn(count, latent, generator=generator, device=generator.device)
