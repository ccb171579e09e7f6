"""One stage of a decoder that goes up to the next grid and takes in what its skip brings.

Shape letters: B batch, C channels, S channels of a skip, * the spatial axes.
"""

import torch
from torch import Tensor

from vaestro.networks.body import Shape
from vaestro.networks.layers import Block, Chain
from vaestro.networks.one_place import CONVOLUTIONS
from vaestro.networks.recomputing import Recomputing
from vaestro.networks.stages import StageConfig, same, upward


class Rise(Recomputing):
    """Up to the next grid, its skip joined if it has one, blocks.

    `step`: the small grid and the large one; `skip`: the skip's channels, 0 for none; `film`: the
    width of a condition that scales and shifts the channels, else 0.
    """

    def __init__(
        self,
        config: StageConfig,
        inputs: int,
        channels: int,
        step: tuple[Shape, ...],
        skip: int,
        film: int,
    ) -> None:
        super().__init__()
        dimensions = len(step[0])
        up = upward(config, inputs, channels, step)
        self.up = Block(up, config, channels, dimensions, same_shape=False, film=film)
        self.join = _joined(config, channels, skip, dimensions, film) if skip else None
        self.same = Chain(same(config, channels, dimensions, film))

    def forward(self, x: Tensor, skip: Tensor | None, condition: Tensor | None) -> Tensor:
        """x: (B, C, *small), skip: (B, S, *large) or None; returns (B, C', *large)."""
        x = self.passed([self.up], x, condition)
        if self.join is not None:
            assert skip is not None, "a stage with a skip needs what it brings"
            x = self.passed([self.join], torch.cat([x, skip], dim=1), condition)
        grid: Tensor = self.same(x, condition)
        return grid


def _joined(config: StageConfig, channels: int, skip: int, dimensions: int, film: int) -> Block:
    """The convolution from a grid with its skip's channels back to `channels`."""
    layer = CONVOLUTIONS[dimensions](channels + skip, channels, config.kernel, padding="same")
    return Block(layer, config, channels, dimensions, same_shape=False, film=film)
