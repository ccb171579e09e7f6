"""The dense VAE of a hundred tutorials: a log-variance head, a Gaussian or Bernoulli decoder.

B batch, D elements, H width, K latents.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.gallery.loop import stack


class DenseVAE(nn.Module):
    """D -> H -> (mean, log-variance) of K -> H -> D; squared error / (2 variance) + beta KL.

    With `likelihood` "bernoulli" the decoder ends in a sigmoid and the data term is the
    cross-entropy. Both terms are summed over elements and averaged over the batch.
    """

    def __init__(
        self,
        elements: int = 64,
        latent: int = 4,
        *,
        width: int = 96,
        variance: float = 0.1,
        beta: float = 1.0,
        likelihood: str = "gaussian",
        activation: type[nn.Module] = nn.ReLU,
    ) -> None:
        super().__init__()
        self.variance, self.beta, self.likelihood = variance, beta, likelihood
        self.body = nn.Sequential(nn.Linear(elements, width), activation())
        self.mean = nn.Linear(width, latent)
        self.log_variance = nn.Linear(width, latent)
        self.decoder = stack(latent, width, elements, activation=activation)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.body(x)
        return self.mean(hidden), self.log_variance(hidden)

    def decode(self, z: Tensor) -> Tensor:
        out = self.decoder(z)
        return torch.sigmoid(out) if self.likelihood == "bernoulli" else out

    def sample(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        return mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)

    def prior_term(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        """KL to the standard normal, summed over the latents, (B,)."""
        return 0.5 * (log_variance.exp() + mean**2 - 1 - log_variance).sum(dim=1)

    def data_term(self, x: Tensor, reconstruction: Tensor) -> Tensor:
        """Summed over the elements, (B,)."""
        if self.likelihood == "bernoulli":
            return F.binary_cross_entropy(reconstruction, x, reduction="none").sum(dim=1)
        return ((x - reconstruction) ** 2).sum(dim=1) / (2 * self.variance)

    def loss(self, x: Tensor) -> Tensor:
        mean, log_variance = self.encode(x)
        reconstruction = self.decode(self.sample(mean, log_variance))
        prior = self.prior_term(mean, log_variance)
        return (self.data_term(x, reconstruction) + self.beta * prior).mean()
