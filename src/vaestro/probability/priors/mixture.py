"""A mixture of Gaussians as prior, learned with the model.

Shape letters: B batch, C components, K latents, N samples.
"""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from vaestro.foundation.config import Config
from vaestro.foundation.samples import NOTHING, Given
from vaestro.probability.normal import bounded, log_normal
from vaestro.probability.posterior import Posterior
from vaestro.probability.priors.prior import Prior, density_needed


class MixtureConfig(Config):
    """`components` Gaussians whose weights, means and variances are learned.

    They start with equal weights, unit variances and means drawn from N(0, spread^2).
    """

    kind: Literal["mixture"] = "mixture"
    components: int = Field(default=10, ge=1)
    spread: float = Field(default=1.0, gt=0)


class Mixture(Prior):
    """p(z) = sum_c w_c N(z; m_c, diag exp(l_c)): w (C,), m and l (C, K), l within [-10, 10].

    Its KL has no closed form and is estimated from the draw of z that the decoder sees, which costs
    variance and no bias. An estimate may be negative where the KL cannot.
    """

    def __init__(self, config: MixtureConfig, latent: int, generator: torch.Generator) -> None:
        super().__init__()
        means = torch.randn(config.components, latent, generator=generator)
        self.means = nn.Parameter(config.spread * means)
        self.logits = nn.Parameter(torch.zeros(config.components))
        self.raw_log_variances = nn.Parameter(torch.zeros(config.components, latent))

    @property
    def log_weights(self) -> Tensor:
        """log w, (C,)."""
        return torch.log_softmax(self.logits, 0)

    @property
    def log_variances(self) -> Tensor:
        """l, (C, K)."""
        return bounded(self.raw_log_variances)

    def divergence(
        self,
        posterior: Posterior,
        z: Tensor,
        given: Given = NOTHING,
        noise: Tensor | None = None,
    ) -> Tensor:
        """log q(z|x) - log p(z), parted over the dimensions; z: (B, K) or (S, B, K), so the result.

        Dimension i has log q(z_i|x) - log p_i(z_i), p_i being the mixture's marginal there. What
        the marginals miss, log prod_i p_i(z_i) - log p(z), belongs to no dimension alone: each
        bears an equal share, so that the sum over K is the whole. ValueError for a point.
        """
        own = log_normal(z, posterior.mean, density_needed(posterior))
        parts = self._components(z)
        marginal = torch.logsumexp(self.log_weights[:, None] + parts, -2)
        shared = marginal.sum(-1) - self._joint(parts)
        return own - marginal + shared[..., None] / z.shape[-1]

    def log_prob(self, z: Tensor, given: Given = NOTHING) -> Tensor:
        """log sum_c w_c N(z; m_c, exp(l_c)), by log-sum-exp; z: (..., K)."""
        return self._joint(self._components(z))

    @torch.no_grad()
    def sample(
        self, count: int, latent: int, generator: torch.Generator, given: Given = NOTHING
    ) -> Tensor:
        """A component by its weight, then a draw from its Gaussian; (N, K)."""
        place = generator.device
        weights = self.log_weights.exp().to(place)
        chosen = torch.multinomial(weights, count, replacement=True, generator=generator)
        noise = torch.randn(count, latent, generator=generator, device=place)
        std = torch.exp(0.5 * self.log_variances).to(noise)[chosen]
        return self.means.to(noise)[chosen] + std * noise

    def _components(self, z: Tensor) -> Tensor:
        """log N(z_i; m_ci, exp(l_ci)), (..., C, K)."""
        return log_normal(z[..., None, :], self.means, self.log_variances)

    def _joint(self, parts: Tensor) -> Tensor:
        """log p(z) from the components' densities (..., C, K)."""
        return torch.logsumexp(self.log_weights + parts.sum(-1), -1)
