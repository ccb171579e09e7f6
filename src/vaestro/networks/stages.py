"""What a convolution and a U-net share: stages that halve a grid, and stages that return to it.

Each stage halves every spatial axis: n -> floor((n + 2p - k) / 2) + 1 with p = floor((k - 1) / 2);
the decoder's transposed stages return to exactly n by an output padding of 0 or 1.

Shape letters: B batch, C channels, K latents, L latents at a place, P outputs per element, * the
spatial axes.
"""

from math import prod
from typing import Annotated, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from vaestro.foundation.config import Widths
from vaestro.foundation.errors import RecipeError
from vaestro.networks.body import Conditioning, Shape, require_same_grid
from vaestro.networks.dense import dense_chain
from vaestro.networks.few_places import TRANSPOSED
from vaestro.networks.layers import Block, Chain, LayerConfig
from vaestro.networks.one_place import CONVOLUTIONS


class StageConfig(LayerConfig):
    """Stages of stride-2 convolutions with `channels`, in the order in which the data pass them.

    Each stage is followed by `blocks` convolutions that keep the size (residual ones if
    `residual`); `dense` widths stand between the flattened grid and the latent space.
    """

    channels: Widths = (32, 64)
    kernel: Annotated[int, Field(ge=2)] = 3
    blocks: Annotated[int, Field(ge=0)] = 0
    dense: Widths = ()


def grid_sizes(shape: tuple[int, ...], config: StageConfig) -> list[tuple[int, ...]]:
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
                f"{len(config.channels)} numbers of channels make as many stages, and each halves "
                f"the grid {shape[1:]}, which can be halved {stage} times; give channels at most "
                f"{stage} numbers"
            )
        sizes.append(tuple((n + 2 * padding - config.kernel) // 2 + 1 for n in sizes[-1]))
    return sizes


def same(config: StageConfig, channels: int, dimensions: int, film: int) -> list[Block]:
    """`blocks` convolutions (B, C, *) -> (B, C, *) that keep the grid."""
    layer = CONVOLUTIONS[dimensions]
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


def downward(config: StageConfig, inputs: int, channels: int, dimensions: int, film: int) -> Block:
    """The strided convolution that halves the grid."""
    padding = (config.kernel - 1) // 2
    layer = CONVOLUTIONS[dimensions](inputs, channels, config.kernel, stride=2, padding=padding)
    return Block(layer, config, channels, dimensions, same_shape=False, film=film)


def upward(
    config: StageConfig, inputs: int, outputs: int, sizes: tuple[tuple[int, ...], ...]
) -> nn.Module:
    """The transposed convolution that takes the grid from sizes[0] to exactly sizes[1]."""
    small, large = sizes
    padding = (config.kernel - 1) // 2
    short = [
        b - ((a - 1) * 2 - 2 * padding + config.kernel) for a, b in zip(small, large, strict=True)
    ]
    module: nn.Module = TRANSPOSED[len(small)](
        inputs, outputs, config.kernel, stride=2, padding=padding, output_padding=tuple(short)
    )
    return module


def entry(config: StageConfig, latent: Shape, grid: Shape, conditioning: Conditioning) -> Chain:
    """From the bottleneck's latents to the smallest `grid` (C, *).

    Flat ones (B, K) pass the dense layers, a grid of them (B, L, *grid) one convolution.

    Raises RecipeError when the latents lie on another grid.
    """
    inputs = latent[0] + conditioning.joined
    if len(latent) == 1:
        return dense_chain(config, (inputs, *config.dense, prod(grid)), conditioning)
    require_same_grid(latent, grid)
    layer = CONVOLUTIONS[len(latent) - 1](inputs, grid[0], 3, padding=1)
    return Chain([Block(layer, config, grid[0], len(latent) - 1, False, conditioning.filmed)])


def start_channels_at(head: nn.Module, outputs: Tensor) -> None:
    """The head's bias, one number a channel, becomes the mean of `outputs` (P, C, *) over *."""
    with torch.no_grad():
        cast(Tensor, head.bias).copy_(outputs.flatten(2).mean(2).flatten())
