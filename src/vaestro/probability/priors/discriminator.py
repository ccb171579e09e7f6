"""A small network that tells draws of a prior from codes. Shape letters: B batch, K latents,
L labels."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, linear, one_hot

LEAK = 0.2
"""The slope of the activation below 0."""


class Layer(nn.Module):
    """A linear layer that learns `rate` times as fast as others: its weights are `rate` times what
    is stored.

    The optimisers divide a gradient by its own size, so that scaling gradients would change
    nothing; a step of theirs on what is stored is a step `rate` times as long on the weights.
    """

    def __init__(self, inputs: int, outputs: int, rate: float, std: float) -> None:
        super().__init__()
        self.rate, self.std = rate, std
        self.weight = nn.Parameter(torch.zeros(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def start(self, generator: torch.Generator) -> None:
        """Weights from N(0, std^2), biases 0."""
        nn.init.normal_(self.weight, 0.0, self.std / self.rate, generator=generator)

    def forward(self, x: Tensor, learns: bool) -> Tensor:
        """(B, inputs) -> (B, outputs); without `learns` no gradient reaches the weights."""
        weight, bias = (p if learns else p.detach() for p in (self.weight, self.bias))
        return linear(x, self.rate * weight, self.rate * bias)


class Discriminator(nn.Module):
    """z and the label, if L > 0 of them are told, -> the logit that z is a draw of the prior.

    Leaky ReLU layers without normalisation or dropout. The last starts at 0: no opinion.
    """

    def __init__(
        self,
        latent: int,
        labels: int,
        widths: tuple[int, ...],
        rate: float,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.labels = labels
        sizes = (latent + labels, *widths)
        gain = math.sqrt(2 / (1 + LEAK**2))
        self.hidden = nn.ModuleList(
            Layer(a, b, rate, gain / math.sqrt(a)) for a, b in pairwise(sizes)
        )
        self.last = Layer(sizes[-1], 1, rate, 0.0)
        for layer in self.hidden:
            assert isinstance(layer, Layer)
            layer.start(generator)

    def forward(self, z: Tensor, label: Tensor | None, learns: bool) -> Tensor:
        """Logits (B,) of z: (B, K) with labels (B,), in at least 32 bits."""
        features, _ = self._passed(z, label, learns)
        return _wide(self.last(features, learns)[:, 0])

    def slope(self, z: Tensor, label: Tensor | None) -> Tensor:
        """d logit / dz (B, K), through which the weights learn: between its kinks the network is
        linear, and this is the product of its layers there."""
        _, slopes = self._passed(z, label, learns=True)
        back = self.last.rate * self.last.weight.expand(len(z), -1)
        for layer, slope in zip(reversed(self.hidden), reversed(slopes), strict=True):
            assert isinstance(layer, Layer)
            back = (slope * back) @ (layer.rate * layer.weight)
        return _wide(back[:, : z.shape[1]])

    def _passed(self, z: Tensor, label: Tensor | None, learns: bool) -> tuple[Tensor, list[Tensor]]:
        """What the last layer sees, and each activation's slope on the way."""
        features, slopes = z, []
        if label is not None:
            features = torch.cat([z, one_hot(label, self.labels).to(z)], dim=1)
        for layer in self.hidden:
            inner = layer(features, learns)
            slopes.append(torch.where(inner.detach() > 0, 1.0, LEAK).to(inner))
            features = leaky_relu(inner, LEAK)
        return features, slopes


def _wide(values: Tensor) -> Tensor:
    """Autocast computes linear layers in bfloat16; logarithms need the range of float32."""
    return values.float() if values.dtype is torch.bfloat16 else values
