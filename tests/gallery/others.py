"""More ways that people write a VAE: linear, deep with batch norm, in millimetres, two modules.

B batch, D elements, K latents, P points of a curve.
"""

import torch
from torch import Tensor, nn

from tests.gallery.dense import DenseVAE


class LinearVAE(DenseVAE):
    """One dense layer each way, the same posterior variance for every sample: PCA with noise."""

    def __init__(self, elements: int = 20, latent: int = 4, variance: float = 0.25) -> None:
        super().__init__(elements, latent, variance=variance)
        self.body, self.mean = nn.Identity(), nn.Linear(elements, latent)
        self.log_variance = nn.Parameter(torch.zeros(latent))
        self.decoder = nn.Linear(latent, elements)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean = self.mean(x)
        return mean, self.log_variance.expand_as(mean)


class DeepVAE(DenseVAE):
    """Three hidden layers each way with batch norm, dropout or both; the heads are bare."""

    def __init__(
        self,
        latent: int = 5,
        width: int = 64,
        norm: bool = True,
        dropout: float = 0.0,
        **keep: float,
    ) -> None:
        super().__init__(64, latent, width=width, **keep)  # type: ignore[arg-type]

        def tower(first: int) -> list[nn.Module]:
            layers: list[nn.Module] = []
            for inner in (first, width, width):
                layers += [nn.Linear(inner, width), nn.ReLU()]
                layers += [nn.BatchNorm1d(width)] if norm else []
                layers += [nn.Dropout(dropout)] if dropout else []
            return layers

        self.body = nn.Sequential(*tower(64))
        self.decoder = nn.Sequential(*tower(latent), nn.Linear(width, 64))


class CurveVAE(DenseVAE):
    """Curves in millimetres: a 1-D convolution reads (x - centre) / scale, and the way back undoes
    it, so that the data term is in mm squared over the variance."""

    def __init__(self, latent: int = 6, variance: float = 25.0, points: int = 16) -> None:
        super().__init__(2 * points, latent, variance=variance)
        self.register_buffer("centre", torch.tensor([120.0, 95.0]).repeat_interleave(points))
        self.scale, self.points = 40.0, points
        self.body = nn.Sequential(
            nn.Conv1d(2, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(16 * points // 2, 96),
            nn.ReLU(),
        )

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return super().encode(((x - self.centre) / self.scale).reshape(-1, 2, self.points))

    def decode(self, z: Tensor) -> Tensor:
        return self.decoder(z) * self.scale + self.centre


class Bounded(DenseVAE):
    """An activation after the decoder: rectified, or a tanh moved to 0 to 1."""

    def __init__(self, output: str = "relu", variance: float = 0.1) -> None:
        super().__init__(64, 4, variance=variance)
        self.output = output
        nn.init.constant_(self.decoder[-1].bias, 0.1)

    def decode(self, z: Tensor) -> Tensor:
        out = self.decoder(z)
        return torch.relu(out) if self.output == "relu" else 0.5 + 0.5 * torch.tanh(out)


class WarmedUp(DenseVAE):
    """beta rises from 0 to its value over the first `steps` steps of training."""

    def __init__(self, steps: int, beta: float) -> None:
        super().__init__(64, 8, variance=0.1, beta=beta)
        self.steps, self.step = steps, 0

    def loss(self, x: Tensor) -> Tensor:
        self.step += self.training
        mean, log_variance = self.encode(x)
        data = self.data_term(x, self.decode(self.sample(mean, log_variance)))
        beta = self.beta * min(1.0, self.step / self.steps)
        return (data + beta * self.prior_term(mean, log_variance)).mean()


class Scaled(DenseVAE):
    """The whole loss times a number: the same optimum, whatever the number."""

    def __init__(self, factor: float, **keep: float) -> None:
        super().__init__(**keep)  # type: ignore[arg-type]
        self.factor = factor

    def loss(self, x: Tensor) -> Tensor:
        return self.factor * super().loss(x)


class Summed(DenseVAE):
    """Both terms summed over the batch: the weights of the two still agree."""

    def loss(self, x: Tensor) -> Tensor:
        return len(x) * super().loss(x)
