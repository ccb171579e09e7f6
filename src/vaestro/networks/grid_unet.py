"""A U-net from a grid to the same grid, in 1, 2 and 3 dimensions: for latents that have neighbours.

Shape letters: B batch, C channels, E condition width, * the spatial axes, odd or even.
"""

from itertools import pairwise
from typing import Annotated, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from vaestro.foundation.config import Widths
from vaestro.networks.body import Shape
from vaestro.networks.initialise import initialise, initialise_head
from vaestro.networks.layers import Activation, Chain, LayerConfig, Normalisation
from vaestro.networks.one_place import CONVOLUTIONS
from vaestro.networks.rise import Rise
from vaestro.networks.stages import StageConfig, downward, grid_sizes, same


class GridUnetConfig(LayerConfig):
    """`width` channels on the grid itself, then a stage of stride-2 convolutions for each number of
    `channels`, and back up; every grid is joined to the one of its size on the way up (Ronneberger
    et al. 2015). `blocks` convolutions that keep the size follow on each grid.

    The number of axes is the latent's own.
    """

    kind: Literal["unet"] = "unet"
    width: int = Field(default=64, ge=1)
    channels: Widths = (128,)
    kernel: Annotated[int, Field(ge=3)] = 3
    blocks: Annotated[int, Field(ge=1)] = 2
    activation: Activation = "silu"
    normalisation: Normalisation = "group"
    residual: bool = True

    @model_validator(mode="after")
    def _centred(self) -> Self:
        if self.kernel % 2 == 0:
            raise ValueError(
                f"kernel={self.kernel}: a convolution that keeps the size needs an odd kernel; "
                f"give kernel={self.kernel + 1}"
            )
        return self

    @property
    def stages(self) -> StageConfig:
        """The same layers as the stages of any convolutional network."""
        return StageConfig(**self.model_dump(exclude={"kind", "width"}))


class GridUnet(nn.Module):
    """(B, C, *), condition (B, E) -> (B, C, *). The condition scales and shifts every layer (FiLM).

    The last convolution starts at zero, and so does what the network gives. Raises RecipeError when
    the grid is too small for the kernel or the stages.
    """

    def __init__(
        self, config: GridUnetConfig, shape: Shape, embedding: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        stages, dimensions = config.stages, len(shape) - 1
        sizes = grid_sizes(shape, stages)
        convolution = CONVOLUTIONS[dimensions]
        self.entry = convolution(shape[0], config.width, config.kernel, padding="same")
        self.first = Chain(same(stages, config.width, dimensions, embedding))
        widths = (config.width, *config.channels)
        self.down = nn.ModuleList(
            Chain(
                [
                    downward(stages, a, b, dimensions, embedding),
                    *same(stages, b, dimensions, embedding),
                ]
            )
            for a, b in pairwise(widths)
        )
        steps = list(pairwise(sizes[::-1]))
        self.up = nn.ModuleList(
            Rise(stages, a, b, step, b, embedding)
            for (a, b), step in zip(pairwise(widths[::-1]), steps, strict=True)
        )
        self.head = convolution(config.width, shape[0], config.kernel, padding="same")
        initialise(self, config.initialisation, generator)
        initialise_head(self.entry, generator)
        initialise_head(self.head, generator, 0.0)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """x: (B, C, *); condition: (B, E); returns (B, C, *)."""
        grids: list[Tensor] = [self.first(self.entry(x), condition)]
        for stage in self.down:
            grids.append(stage(grids[-1], condition))
        grid = grids.pop()
        for stage in self.up:
            grid = stage(grid, grids.pop(), condition)
        changed: Tensor = self.head(grid)
        return changed
