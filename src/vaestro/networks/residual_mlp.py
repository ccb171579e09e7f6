"""A dense network that returns what it was given changed: for latents without a grid.

Shape letters: B batch, E condition width, * the sample's axes.
"""

from math import prod
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from vaestro.networks.body import Conditioning, Shape
from vaestro.networks.dense import dense_chain
from vaestro.networks.initialise import initialise, initialise_head
from vaestro.networks.layers import Activation, LayerConfig, Normalisation


class ResidualMlpConfig(LayerConfig):
    """`blocks` layers of `width`, each adding to what it was given, between two linear maps.

    Latents on a grid are flattened: the network does not know which are neighbours.
    """

    kind: Literal["mlp"] = "mlp"
    width: int = Field(default=256, ge=1)
    blocks: int = Field(default=4, ge=1)
    activation: Activation = "silu"
    normalisation: Normalisation = "group"
    residual: bool = True


class ResidualMlp(nn.Module):
    """(B, *), condition (B, E) -> (B, *). The condition scales and shifts every layer (FiLM).

    The last map starts at zero, and so does what the network gives.
    """

    def __init__(
        self, config: ResidualMlpConfig, shape: Shape, embedding: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.shape = shape
        told = Conditioning(embedding, film=True)
        self.entry = nn.Linear(prod(shape), config.width)
        self.body = dense_chain(config, (config.width,) * (config.blocks + 1), told)
        self.head = nn.Linear(config.width, prod(shape))
        initialise(self.body, config.initialisation, generator)
        initialise_head(self.entry, generator)
        initialise_head(self.head, generator, 0.0)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """x: (B, *); condition: (B, E); returns (B, *)."""
        body = self.body(self.entry(x.flatten(1)), condition)
        changed: Tensor = self.head(body).unflatten(1, self.shape)
        return changed
