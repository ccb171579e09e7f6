"""Convolutional encoder and decoder in 1, 2 or 3 dimensions, for sizes odd or even.

Shape letters: B batch, C channels, K latents, L latents at a place, F features, P outputs per
element, * the spatial axes.
"""

from itertools import pairwise
from math import prod
from typing import Literal, Self

import torch
from pydantic import model_validator
from torch import Tensor, nn

from vaestro.foundation.errors import RecipeError
from vaestro.networks.body import Conditioning, Shape, require_one_level
from vaestro.networks.dense import dense_chain
from vaestro.networks.initialise import OUTPUT_GAIN, initialise, initialise_head
from vaestro.networks.layers import Block, Chain
from vaestro.networks.stages import (
    StageConfig,
    downward,
    entry,
    grid_sizes,
    same,
    start_channels_at,
    upward,
)


class ConvolutionConfig(StageConfig):
    """Stages of stride-2 convolutions, in the order in which the data pass them."""

    kind: Literal["convolution"] = "convolution"

    @model_validator(mode="after")
    def _centred(self) -> Self:
        if self.blocks and self.kernel % 2 == 0:
            raise ValueError(
                f"kernel={self.kernel} with blocks={self.blocks}: a size-keeping convolution needs "
                f"an odd kernel; give kernel={self.kernel + 1} or blocks=0"
            )
        return self


class ConvolutionEncoder(nn.Module):
    """(B, C, *) -> (B, C', *grid) after the stages, or (B, F) after the dense layers if any."""

    skip_channels: tuple[int, ...] = ()

    def __init__(
        self,
        config: ConvolutionConfig,
        shape: Shape,
        conditioning: Conditioning,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        dimensions, film = len(shape) - 1, conditioning.filmed
        sizes = grid_sizes(shape, config)
        stages: list[Block] = []
        for a, b in pairwise((shape[0], *config.channels)):
            stages += [downward(config, a, b, dimensions, film)]
            stages += same(config, b, dimensions, film)
        self.stages = Chain(stages)
        grid = (config.channels[-1] if config.channels else shape[0], *sizes[-1])
        self.conditioning = conditioning
        inputs = prod(grid) + conditioning.joined
        self.dense = dense_chain(config, (inputs, *config.dense), conditioning)
        self.out_shapes = ((config.dense[-1],) if config.dense else grid,)
        initialise(self, config.initialisation, generator)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, ...]:
        """x: (B, C, *); returns its features."""
        grid = self.stages(x, condition)
        if len(self.dense) == 0:
            return (grid,)
        return (self.dense(self.conditioning.join(grid.flatten(1), condition), condition),)

    @property
    def joins(self) -> bool:
        """Whether a condition that is joined to inputs has been joined in here."""
        return len(self.dense) > 0


class ConvolutionDecoder(nn.Module):
    """Latents -> (B, P, C, *): to the smallest grid, transposed stages, the last being the head.

    Flat latents (B, K) pass the dense layers; a grid of latents (B, L, *grid) one convolution.
    """

    def __init__(
        self,
        config: ConvolutionConfig,
        latents: tuple[Shape, ...],
        shape: Shape,
        outputs: int,
        conditioning: Conditioning,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        if not config.channels:
            raise RecipeError(
                "a convolutional decoder needs channels, for example channels=[64,32]"
            )
        dimensions, film = len(shape) - 1, conditioning.filmed
        sizes = grid_sizes(shape, config)[::-1]
        self.shape = (outputs, *shape)
        self.grid = (config.channels[0], *sizes[0])
        self.conditioning = conditioning
        self.entry = entry(config, require_one_level(latents), self.grid, conditioning)
        steps = list(pairwise(sizes))
        stages = same(config, config.channels[0], dimensions, film)
        for (a, b), step in zip(pairwise(config.channels), steps[:-1], strict=True):
            up = upward(config, a, b, step)
            stages += [Block(up, config, b, dimensions, same_shape=False, film=film)]
            stages += same(config, b, dimensions, film)
        self.stages = Chain(stages)
        self.head = upward(config, config.channels[-1], outputs * shape[0], steps[-1])
        initialise(self, config.initialisation, generator)
        initialise_head(self.head, generator, OUTPUT_GAIN)

    def forward(self, latents: tuple[Tensor, ...], condition: Tensor | None = None) -> Tensor:
        """One level: (B, K) or (B, L, *grid); returns (B, P, C, *)."""
        (z,) = latents
        entered = self.entry(self.conditioning.join(z, condition), condition)
        grid = entered.reshape(len(z), *self.grid)
        outputs: Tensor = self.head(self.stages(grid, condition)).unflatten(1, self.shape[:2])
        return outputs

    def start_at(self, outputs: Tensor) -> None:
        """The head's bias, one number a channel, becomes the mean of `outputs` (P, C, *) over *."""
        start_channels_at(self.head, outputs)
