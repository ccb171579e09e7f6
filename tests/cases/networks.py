"""Networks of a user's own, as two of the logs had them: their faults are in the code, so no field
of a recipe can say them.

B batch, K latents, C channels, n points, P outputs per element, D elements.
"""

import math

import torch
from torch import Tensor, nn

from vaestro.networks.registry import part


@part("log-001-encoder")
class OneFanIn(nn.Module):
    """Log 001: convolutions over the points of a streamline, every one of them started with the
    fan-in of the first, U(-b, b) with b = 1 / sqrt(3 * kernel). Each further layer multiplies.
    """

    def __init__(self, shape: tuple[int, ...], widths: list[int], seed: int = 2208) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(seed)
        channels = [shape[0], *widths]
        layers: list[nn.Module] = []
        for before, after in zip(channels, widths, strict=False):
            layer = nn.Conv1d(before, after, 3, stride=2, padding=1, padding_mode="reflect")
            bound = math.sqrt(1 / (3 * 3))
            with torch.no_grad():
                for parameter in layer.parameters():
                    parameter.uniform_(-bound, bound, generator=random)
            layers += [layer, nn.ReLU()]
        self.body = nn.Sequential(*layers[:-1], nn.Flatten())

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, n) -> (B, F)."""
        features: Tensor = self.body(x)
        return features


@part("log-003-decoder")
class HeadBeside(nn.Module):
    """Log 003: the head that gives the variance is kept beside the model and not in it. No
    optimiser trains it and no file holds it, and training runs all the same."""

    def __init__(
        self, latent: tuple[int, ...], shape: tuple[int, ...], outputs: int, width: int
    ) -> None:
        super().__init__()
        assert outputs == 2, "a mean and a variance"
        elements = math.prod(shape)
        self.trunk = nn.Sequential(nn.Linear(latent[0], width), nn.ReLU())
        self.mean = nn.Linear(width, elements)
        self.heads = [nn.Linear(width, elements)]

    def forward(self, z: Tensor) -> Tensor:
        """(B, K) -> (B, P D), all means first."""
        hidden = self.trunk(z)
        return torch.cat([self.mean(hidden), self.heads[0](hidden)], dim=1)
