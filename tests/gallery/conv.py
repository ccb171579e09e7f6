"""A convolutional VAE on 8x8 pictures; its head is the logarithm of a standard deviation.

B batch, K latents, C channels.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence


def pictures(x: Tensor) -> Tensor:
    """(B, 64) -> (B, 1, 8, 8)."""
    return x.reshape(-1, 1, 8, 8)


class ConvVAE(nn.Module):
    """(B, 1, 8, 8) -> two strided convolutions -> K -> two transposed ones; Bernoulli logits."""

    likelihood, variance = "bernoulli", 1.0

    def __init__(self, latent: int = 6, channels: int = 8, beta: float = 1.0, norm: bool = False):
        super().__init__()
        self.beta, self.latent = beta, latent

        def block(layer: nn.Module, width: int) -> list[nn.Module]:
            return [layer, *([nn.BatchNorm2d(width)] if norm else []), nn.ReLU()]

        double = 2 * channels
        self.encoder = nn.Sequential(
            *block(nn.Conv2d(1, channels, 3, stride=2, padding=1), channels),
            *block(nn.Conv2d(channels, double, 3, stride=2, padding=1), double),
            nn.Flatten(),
            nn.Linear(4 * double, 2 * latent),
        )
        self.decoder = nn.Sequential(
            nn.Linear(latent, 4 * double),
            nn.Unflatten(1, (double, 2, 2)),
            nn.ReLU(),
            *block(nn.ConvTranspose2d(double, channels, 4, stride=2, padding=1), channels),
            nn.ConvTranspose2d(channels, 1, 4, stride=2, padding=1),
        )

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_std = self.encoder(x).chunk(2, dim=1)
        return mean, 2 * log_std

    def decode(self, z: Tensor) -> Tensor:
        return torch.sigmoid(self.decoder(z))

    def sample(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        return Normal(mean, torch.exp(0.5 * log_variance)).rsample()

    def prior_term(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        """One KL a latent, (B, K), from torch.distributions."""
        standard = Normal(torch.zeros_like(mean), torch.ones_like(mean))
        return kl_divergence(Normal(mean, torch.exp(0.5 * log_variance)), standard)

    def data_term(self, logits: Tensor, x: Tensor) -> Tensor:
        """Summed over the picture, averaged over the batch: a scalar."""
        return F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)

    def loss(self, x: Tensor) -> Tensor:
        mean, log_variance = self.encode(x)
        logits = self.decoder(self.sample(mean, log_variance))
        prior = self.prior_term(mean, log_variance).sum(dim=1).mean()
        return self.data_term(logits, x) + self.beta * prior
