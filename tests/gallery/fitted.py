"""VAEs that learn the variance of their decoder: one number, or one for every element.

B batch, D elements, K latents.
"""

import math

import torch
from torch import Tensor, nn

from tests.gallery.dense import DenseVAE

LOG_TWO_PI = math.log(2 * math.pi)


class SharedVariance(DenseVAE):
    """One learned log-variance for all elements, never below the floor; decode returns both."""

    def __init__(self, elements: int = 64, latent: int = 4, floor: float = 0.02, width: int = 96):
        super().__init__(elements, latent, width=width)
        self.floor, self.variance = floor, None
        self.output_log_variance = nn.Parameter(torch.tensor(-2.5))

    def decode(self, z: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        mean = self.decoder(z)
        return mean, (self.floor + self.output_log_variance.exp()).expand_as(mean)

    def data_term(self, x: Tensor, reconstruction: tuple[Tensor, Tensor]) -> Tensor:  # type: ignore[override]
        mean, variance = reconstruction
        per = 0.5 * ((x - mean) ** 2 / variance + torch.log(variance) + LOG_TWO_PI)
        return per.sum(dim=1)


class FittedVariance(SharedVariance):
    """A second head gives every element its variance, floor + exp(head)."""

    def __init__(self, elements: int = 64, latent: int = 4, floor: float = 0.005, width: int = 96):
        super().__init__(elements, latent, floor, width)
        del self.output_log_variance
        self.trunk = nn.Sequential(nn.Linear(latent, width), nn.ReLU())
        self.decoder = nn.Linear(width, elements)
        self.variance_head = nn.Linear(width, elements)

    def decode(self, z: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        hidden = self.trunk(z)
        return self.decoder(hidden), self.floor + self.variance_head(hidden).exp()
