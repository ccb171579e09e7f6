"""Dense (fully connected) encoder and decoder.

Shape letters: B batch, K latents, F features, P outputs per element, * the sample's axes.
"""

from itertools import pairwise
from math import prod
from typing import Literal

import torch
from torch import Tensor, nn

from vaestro.foundation.config import Widths
from vaestro.networks.initialise import OUTPUT_GAIN, initialise, initialise_head
from vaestro.networks.layers import Block, LayerConfig


class DenseConfig(LayerConfig):
    """Linear layers of the given `widths`, in the order in which the data pass them.

    `widths: []` is a linear model: with a Gaussian likelihood, probabilistic PCA.
    """

    kind: Literal["dense"] = "dense"
    widths: Widths = (400,)


def _stack(config: DenseConfig, inputs: int) -> nn.Sequential:
    sizes = pairwise((inputs, *config.widths))
    return nn.Sequential(
        *(Block(nn.Linear(a, b), config, b, dimensions=0, same_shape=a == b) for a, b in sizes)
    )


class DenseEncoder(nn.Module):
    """(B, *) -> (B, F), F being the last width (the number of elements when there is none)."""

    def __init__(
        self, config: DenseConfig, shape: tuple[int, ...], generator: torch.Generator
    ) -> None:
        super().__init__()
        self.body = _stack(config, prod(shape))
        self.out_features = config.widths[-1] if config.widths else prod(shape)
        initialise(self.body, config.initialisation, generator)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, *); returns (B, F)."""
        features: Tensor = self.body(x.flatten(1))
        return features


class DenseDecoder(nn.Module):
    """(B, K) -> (B, P, *) through the widths and one linear head."""

    def __init__(
        self,
        config: DenseConfig,
        latent: int,
        shape: tuple[int, ...],
        outputs: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.shape = (outputs, *shape)
        self.body = _stack(config, latent)
        self.head = nn.Linear(config.widths[-1] if config.widths else latent, prod(self.shape))
        initialise(self.body, config.initialisation, generator)
        initialise_head(self.head, generator, OUTPUT_GAIN)

    def forward(self, z: Tensor) -> Tensor:
        """z: (B, K); returns (B, P, *)."""
        outputs: Tensor = self.head(self.body(z)).unflatten(1, self.shape)
        return outputs

    def start_at(self, outputs: Tensor) -> None:
        """The head's bias becomes `outputs` (P, *), flattened."""
        with torch.no_grad():
            self.head.bias.copy_(outputs.flatten())
