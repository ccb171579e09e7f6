"""From the encoder's features to the posterior: linear maps, never normalised.

Shape letters: B batch, K latents, F features.
"""

import torch
from torch import Tensor, nn

from vaestro.networks.initialise import initialise_head
from vaestro.probability.posterior import DeterministicConfig, GaussianConfig, Posterior


class PosteriorHead(nn.Module):
    """Features (B, F) -> Posterior over K latents."""

    def __init__(
        self,
        config: GaussianConfig | DeterministicConfig,
        features: int,
        latent: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.config = config
        self.latent = latent
        maps = 1 if isinstance(config, DeterministicConfig) else 2
        self.linear = nn.Linear(features, maps * latent)
        initialise_head(self.linear, generator)

    @property
    def stochastic(self) -> bool:
        """Whether the posterior has a density (False for the plain autoencoder)."""
        return isinstance(self.config, GaussianConfig)

    @property
    def epsilon_std(self) -> float:
        """The standard deviation of the sampler's noise; 0 for a point."""
        return self.config.epsilon_std if isinstance(self.config, GaussianConfig) else 0.0

    def forward(self, features: Tensor) -> Posterior:
        """The posterior of each sample, in at least 32 bits: its exp and KL need the range."""
        raw = self.linear(features)
        raw = raw.float() if raw.dtype in (torch.bfloat16, torch.float16) else raw
        if isinstance(self.config, DeterministicConfig):
            return Posterior(raw, None)
        mean, scale = raw.chunk(2, dim=1)
        return Posterior(mean, self.config.scale.log_variance(scale))
