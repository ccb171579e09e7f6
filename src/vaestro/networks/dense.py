"""Dense (fully connected) encoder and decoder.

Shape letters: B batch, K latents, F features, P outputs per element, * the sample's axes.
"""

from itertools import pairwise
from math import prod
from typing import Literal

import torch
from torch import Tensor, nn

from vaestro.foundation.config import Widths
from vaestro.networks.body import Conditioning, Shape, joined
from vaestro.networks.initialise import OUTPUT_GAIN, initialise, initialise_head
from vaestro.networks.layers import Block, Chain, LayerConfig


class DenseConfig(LayerConfig):
    """Linear layers of the given `widths`, in the order in which the data pass them.

    `widths: []` is a linear model: with a Gaussian likelihood, probabilistic PCA.
    """

    kind: Literal["dense"] = "dense"
    widths: Widths = (400,)


def dense_chain(config: LayerConfig, sizes: tuple[int, ...], conditioning: Conditioning) -> Chain:
    """Linear blocks through `sizes`; FiLM in each where the condition enters so."""
    return Chain(
        [
            Block(nn.Linear(a, b), config, b, 0, same_shape=a == b, film=conditioning.filmed)
            for a, b in pairwise(sizes)
        ]
    )


class DenseEncoder(nn.Module):
    """(B, *) -> (B, F), F being the last width (the number of inputs when there is none)."""

    joins = True
    skip_channels: tuple[int, ...] = ()

    def __init__(
        self,
        config: DenseConfig,
        shape: Shape,
        conditioning: Conditioning,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.conditioning = conditioning
        inputs = prod(shape) + conditioning.joined
        self.body = dense_chain(config, (inputs, *config.widths), conditioning)
        self.out_shapes = ((config.widths[-1] if config.widths else inputs,),)
        initialise(self.body, config.initialisation, generator)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, ...]:
        """x: (B, *); returns (B, F)."""
        return (self.body(self.conditioning.join(x.flatten(1), condition), condition),)


class DenseDecoder(nn.Module):
    """(B, K) -> (B, P, *) through the widths and one linear head."""

    def __init__(
        self,
        config: DenseConfig,
        latents: tuple[Shape, ...],
        shape: Shape,
        outputs: int,
        conditioning: Conditioning,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.conditioning = conditioning
        self.shape = (outputs, *shape)
        inputs = sum(map(prod, latents)) + conditioning.joined
        sizes = (inputs, *config.widths)
        self.body = dense_chain(config, sizes, conditioning)
        self.head = nn.Linear(sizes[-1], prod(self.shape))
        initialise(self.body, config.initialisation, generator)
        initialise_head(self.head, generator, OUTPUT_GAIN)

    def forward(self, latents: tuple[Tensor, ...], condition: Tensor | None = None) -> Tensor:
        """Every level's latents, flattened and joined; returns (B, P, *)."""
        z = joined([level.flatten(1) for level in latents])
        body = self.body(self.conditioning.join(z, condition), condition)
        outputs: Tensor = self.head(body).unflatten(1, self.shape)
        return outputs

    def start_at(self, outputs: Tensor) -> None:
        """The head's bias becomes `outputs` (P, *), flattened."""
        with torch.no_grad():
            self.head.bias.copy_(outputs.flatten())
