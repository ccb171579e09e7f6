"""Convolutional encoder and decoder in 1, 2 or 3 dimensions, for sizes odd or even.

Each stage halves every spatial axis: n -> floor((n + 2p - k) / 2) + 1 with p = floor((k - 1) / 2);
the decoder's transposed stages return to exactly n by an output padding of 0 or 1.
Shape letters: B batch, C channels, K latents, F features, P outputs per element.
"""

from itertools import pairwise
from math import prod
from typing import Annotated, Any, Literal, Self, cast

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from vaestro.foundation.config import Widths
from vaestro.foundation.errors import RecipeError
from vaestro.networks.body import Conditioning, Shape, require_one_level, require_same_grid
from vaestro.networks.dense import dense_chain
from vaestro.networks.initialise import OUTPUT_GAIN, initialise, initialise_head
from vaestro.networks.layers import Block, Chain, LayerConfig

_CONVOLUTIONS: dict[int, Any] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
_TRANSPOSED: dict[int, Any] = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}


class ConvolutionConfig(LayerConfig):
    """Stages of stride-2 convolutions with `channels`, in the order in which the data pass them.

    Each stage is followed by `blocks` convolutions that keep the size (residual ones if
    `residual`); `dense` widths stand between the flattened grid and the latent space.
    """

    kind: Literal["convolution"] = "convolution"
    channels: Widths = (32, 64)
    kernel: Annotated[int, Field(ge=2)] = 3
    blocks: Annotated[int, Field(ge=0)] = 0
    dense: Widths = ()

    @model_validator(mode="after")
    def _centred(self) -> Self:
        if self.blocks and self.kernel % 2 == 0:
            raise ValueError(
                f"kernel={self.kernel} with blocks={self.blocks}: a size-keeping convolution needs "
                f"an odd kernel; give kernel={self.kernel + 1} or blocks=0"
            )
        return self


def grid_sizes(shape: tuple[int, ...], config: ConvolutionConfig) -> list[tuple[int, ...]]:
    """The spatial size before the first and after each stage of the encoder.

    Raises RecipeError when the samples are no grid, the kernel exceeds them, or a stage would
    halve an axis of length 1.
    """
    if not 2 <= len(shape) <= 4:
        raise RecipeError(
            f"a convolution needs samples of shape (channels, length[, height[, width]]), "
            f"and these are {shape}; use a dense network (kind=dense)"
        )
    sizes = [shape[1:]]
    if config.kernel > min(shape[1:]):
        raise RecipeError(
            f"kernel={config.kernel} is larger than the sample's grid {shape[1:]}; "
            f"give at most {min(shape[1:])}"
        )
    padding = (config.kernel - 1) // 2
    for stage in range(len(config.channels)):
        if min(sizes[-1]) < 2:
            raise RecipeError(
                f"{len(config.channels)} stages halve the grid {shape[1:]} too often; "
                f"give at most {stage} channels"
            )
        sizes.append(tuple((n + 2 * padding - config.kernel) // 2 + 1 for n in sizes[-1]))
    return sizes


def _same(config: ConvolutionConfig, channels: int, dimensions: int, film: int) -> list[Block]:
    """`blocks` convolutions that keep the grid."""
    layer = _CONVOLUTIONS[dimensions]
    return [
        Block(
            layer(channels, channels, config.kernel, padding="same"),
            config,
            channels,
            dimensions,
            same_shape=True,
            film=film,
        )
        for _ in range(config.blocks)
    ]


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
        layer, padding = _CONVOLUTIONS[dimensions], (config.kernel - 1) // 2
        stages: list[Block] = []
        for a, b in pairwise((shape[0], *config.channels)):
            strided = layer(a, b, config.kernel, stride=2, padding=padding)
            stages += [Block(strided, config, b, dimensions, same_shape=False, film=film)]
            stages += _same(config, b, dimensions, film)
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
        self.entry = self._entry(config, require_one_level(latents), conditioning)
        steps = list(pairwise(sizes))
        stages = _same(config, config.channels[0], dimensions, film)
        for (a, b), step in zip(pairwise(config.channels), steps[:-1], strict=True):
            up = _upward(config, a, b, step)
            stages += [Block(up, config, b, dimensions, same_shape=False, film=film)]
            stages += _same(config, b, dimensions, film)
        self.stages = Chain(stages)
        self.head = _upward(config, config.channels[-1], outputs * shape[0], steps[-1])
        initialise(self, config.initialisation, generator)
        initialise_head(self.head, generator, OUTPUT_GAIN)

    def _entry(self, config: ConvolutionConfig, latent: Shape, conditioning: Conditioning) -> Chain:
        """From the latents to the smallest grid."""
        inputs = latent[0] + conditioning.joined
        if len(latent) == 1:
            return dense_chain(config, (inputs, *config.dense, prod(self.grid)), conditioning)
        require_same_grid(latent, self.grid)
        layer = _CONVOLUTIONS[len(latent) - 1](inputs, self.grid[0], 3, padding=1)
        return Chain([Block(layer, config, self.grid[0], len(latent) - 1, False)])

    def forward(self, latents: tuple[Tensor, ...], condition: Tensor | None = None) -> Tensor:
        """One level: (B, K) or (B, L, *grid); returns (B, P, C, *)."""
        (z,) = latents
        entered = self.entry(self.conditioning.join(z, condition), condition)
        grid = entered.reshape(len(z), *self.grid)
        outputs: Tensor = self.head(self.stages(grid, condition)).unflatten(1, self.shape[:2])
        return outputs

    def start_at(self, outputs: Tensor) -> None:
        """The head's bias, one number a channel, becomes the mean of `outputs` (P, C, *) over *."""
        with torch.no_grad():
            bias = cast(Tensor, self.head.bias)
            bias.copy_(outputs.flatten(2).mean(2).flatten())


def _upward(
    config: ConvolutionConfig, inputs: int, outputs: int, sizes: tuple[tuple[int, ...], ...]
) -> nn.Module:
    """The transposed convolution that takes the grid from sizes[0] to exactly sizes[1]."""
    small, large = sizes
    padding = (config.kernel - 1) // 2
    short = [
        b - ((a - 1) * 2 - 2 * padding + config.kernel) for a, b in zip(small, large, strict=True)
    ]
    module: nn.Module = _TRANSPOSED[len(small)](
        inputs, outputs, config.kernel, stride=2, padding=padding, output_padding=tuple(short)
    )
    return module
