"""VAEs whose head is a standard deviation, softplus of a dense layer; encode returns a Normal.

B batch, K latents.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Normal

from tests.gallery.loop import stack


class StandardVAE(nn.Module):
    """Softplus standard deviation with a floor of 1e-5; squared error halved over the variance."""

    likelihood, beta = "gaussian", 1.0

    def __init__(
        self, elements: int = 64, latent: int = 4, variance: float = 0.15, width: int = 96
    ) -> None:
        super().__init__()
        self.variance = variance
        self.encoder = stack(elements, width, 2 * latent, activation=nn.SiLU)
        self.decoder = stack(latent, width, elements, activation=nn.SiLU)

    def encode(self, x: Tensor) -> Normal:
        mean, raw = self.encoder(x).chunk(2, dim=1)
        return Normal(mean, F.softplus(raw) + 1e-5)

    def decode(self, z: Tensor) -> Tensor:
        return self.decoder(z)

    def draw(self, mean: Tensor, std: Tensor) -> Tensor:
        return mean + std * torch.randn_like(std)

    def kl(self, mean: Tensor, std: Tensor) -> Tensor:
        """Summed over the latents, (B,)."""
        return 0.5 * torch.sum(std**2 + mean**2 - 1 - 2 * torch.log(std), dim=1)

    def sample(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        """The doctor speaks of log-variances; this code of standard deviations."""
        return self.draw(mean, torch.exp(0.5 * log_variance))

    def prior_term(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        return self.kl(mean, torch.exp(0.5 * log_variance))

    def loss(self, x: Tensor) -> Tensor:
        posterior = self.encode(x)
        out = self.decode(self.draw(posterior.mean, posterior.stddev))
        data = ((x - out) ** 2).sum(dim=1) / (2 * self.variance)
        return torch.mean(data + self.kl(posterior.mean, posterior.stddev))


class StdForVariance(StandardVAE):
    """The standard deviation stands where the variance belongs (log 000); the draw is right."""

    def kl(self, mean: Tensor, std: Tensor) -> Tensor:
        return 0.5 * torch.sum(std + mean**2 - 1 - torch.log(std), dim=1)


class TwoVariances(StandardVAE):
    """The head is a variance v in the KL and a log-variance in the draw (log 003)."""

    def kl(self, mean: Tensor, std: Tensor) -> Tensor:
        variance = std**2
        return 0.5 * torch.sum(variance + mean**2 - 1 - torch.log(variance), dim=1)

    def draw(self, mean: Tensor, std: Tensor) -> Tensor:
        return mean + torch.exp(0.5 * std**2) * torch.randn_like(std)
