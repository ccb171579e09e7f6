"""A U-net whose skips are latents of their own, so that its prior can be sampled.

A plain U-net hands the encoder's grids to the decoder: the data pass around the bottleneck, and
without data the decoder lacks half of its input (Ronneberger et al. 2015 needed no sampling). Here
each skip is a level of the posterior with a prior N(0, I), as in a ladder or hierarchical VAE
(Soenderby et al. 2016; Kingma et al. 2016). The KL of the levels after the first is the number of
nats that go around the bottleneck.

Shape letters: B batch, C channels, K latents, F features, P outputs per element, * the sample's
axes. Skip n lies on the grid that the encoder has halved n times; levels: the bottleneck, then the
skips from the smallest grid to the largest.
"""

from itertools import pairwise
from math import prod
from typing import Annotated, Any, Literal, Self, cast

import torch
from pydantic import BeforeValidator, Field, model_validator
from torch import Tensor, nn

from vaestro.foundation.config import Widths
from vaestro.foundation.errors import RecipeError
from vaestro.networks.body import Conditioning, Shape, require_same_grid
from vaestro.networks.convolution import (
    _CONVOLUTIONS,
    ConvolutionConfig,
    _same,
    _upward,
    grid_sizes,
)
from vaestro.networks.dense import dense_chain
from vaestro.networks.initialise import OUTPUT_GAIN, initialise, initialise_head
from vaestro.networks.layers import Block, Chain, LayerConfig


def _numbered(value: Any) -> Any:
    """`1,2` on the command line is the list of 1 and 2."""
    if isinstance(value, str) and value != "all":
        return [part.strip() for part in value.split(",")]
    return value


class UnetConfig(LayerConfig):
    """Stages of stride-2 convolutions with `channels`, in the order in which the data pass them.

    `skips`: the grids that have one, each named by how often the encoder has halved it, 1 being the
    finest; `all` of them lie between the sample and the bottleneck. Encoder and decoder name the
    same ones. A skip has `skip_channels` latents at each place of its grid. `kernel`, `blocks` and
    `dense` as in a convolution.
    """

    kind: Literal["unet"] = "unet"
    channels: Widths = (32, 64, 128)
    kernel: Annotated[int, Field(ge=3)] = 3
    blocks: Annotated[int, Field(ge=0)] = 0
    dense: Widths = ()
    skips: Annotated[Literal["all"] | Widths, BeforeValidator(_numbered)] = "all"
    skip_channels: Annotated[int, Field(ge=1)] = 2

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not self.channels:
            raise ValueError("a unet needs channels, for example channels=[32,64,128]")
        if self.kernel % 2 == 0:
            raise ValueError(
                f"kernel={self.kernel}: a skip is joined by a convolution that keeps the size, "
                f"which needs an odd kernel; give kernel={self.kernel + 1}"
            )
        last = len(self.channels) - 1
        given = () if self.skips == "all" else self.skips
        if len(set(given)) < len(given) or any(not 1 <= skip <= last for skip in given):
            legal = f"distinct numbers from 1 to {last}, or all" if last else "[] or all"
            raise ValueError(
                f"skips={list(given)} with {last + 1} stages; legal: {legal} (the last stage is "
                "the bottleneck)"
            )
        return self

    @property
    def levels(self) -> tuple[int, ...]:
        """The skips from the smallest grid to the largest, each by its number of halvings."""
        given = range(1, len(self.channels)) if self.skips == "all" else self.skips
        return tuple(sorted(given, reverse=True))

    @property
    def plain_stages(self) -> ConvolutionConfig:
        """The same stages without skips: what the shared parts of a convolution read."""
        fields = {name: getattr(self, name) for name in ConvolutionConfig.model_fields}
        return ConvolutionConfig(**fields | {"kind": "convolution"})


class UnetEncoder(nn.Module):
    """(B, C, *) -> the bottleneck's features (B, F) or (B, C', *grid), then (B, C, *grid) a skip.

    `skip_channels`: the latents at each place of every skip. A condition that is joined to inputs
    is joined to the features of every level by whoever reads them.
    """

    joins = False

    def __init__(
        self,
        config: UnetConfig,
        shape: Shape,
        conditioning: Conditioning,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        plain, film = config.plain_stages, conditioning.filmed
        sizes = grid_sizes(shape, plain)
        self.stages = nn.ModuleList(
            Chain(
                [
                    _downward(plain, a, b, len(shape) - 1, film),
                    *_same(plain, b, len(shape) - 1, film),
                ]
            )
            for a, b in pairwise((shape[0], *config.channels))
        )
        grids = [(shape[0], *sizes[0])]
        grids += [(c, *size) for c, size in zip(config.channels, sizes[1:], strict=True)]
        self.dense = dense_chain(config, (prod(grids[-1]), *config.dense), conditioning)
        self.levels = config.levels
        self.skip_channels = (config.skip_channels,) * len(self.levels)
        bottleneck = (config.dense[-1],) if config.dense else grids[-1]
        self.out_shapes = (bottleneck, *(grids[level] for level in self.levels))
        initialise(self, config.initialisation, generator)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, ...]:
        """x: (B, C, *); returns the features of every level."""
        grids = [x]
        for stage in self.stages:
            grids.append(stage(grids[-1], condition))
        bottleneck = grids[-1]
        if len(self.dense):
            bottleneck = self.dense(bottleneck.flatten(1), condition)
        return (bottleneck, *(grids[level] for level in self.levels))


class UnetDecoder(nn.Module):
    """The latents of every level -> (B, P, C, *): transposed stages, the last being the head.

    The bottleneck's latents pass the dense layers if flat, (B, K), and one convolution if on a
    grid. A skip's latents join the grid of their size as further channels.
    """

    def __init__(
        self,
        config: UnetConfig,
        latents: tuple[Shape, ...],
        shape: Shape,
        outputs: int,
        conditioning: Conditioning,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        plain = config.plain_stages
        sizes = grid_sizes(shape, plain)[::-1]
        _require_same_skips(config, latents[1:], sizes)
        self.shape = (outputs, *shape)
        self.grid = (config.channels[0], *sizes[0])
        self.conditioning = conditioning
        self.entry = _entry(plain, latents[0], self.grid, conditioning)
        self.first = Chain(_same(plain, self.grid[0], len(shape) - 1, conditioning.filmed))
        skips = dict(zip(config.levels, (latent[0] for latent in latents[1:]), strict=True))
        joined = [skips.get(halvings, 0) for halvings in range(len(sizes) - 2, 0, -1)]
        steps = list(pairwise(sizes))
        self.stages = nn.ModuleList(
            _Rise(plain, a, b, step, skip, conditioning.filmed)
            for (a, b), step, skip in zip(
                pairwise(config.channels), steps[:-1], joined, strict=True
            )
        )
        self.head = _upward(plain, config.channels[-1], outputs * shape[0], steps[-1])
        initialise(self, config.initialisation, generator)
        initialise_head(self.head, generator, OUTPUT_GAIN)

    def forward(self, latents: tuple[Tensor, ...], condition: Tensor | None = None) -> Tensor:
        """(B, K) or (B, L, *grid), then (B, S, *grid) of each skip; returns (B, P, C, *)."""
        z, *skips = latents
        entered = self.entry(self.conditioning.join(z, condition), condition)
        grid = self.first(entered.reshape(len(z), *self.grid), condition)
        for stage in self.stages:
            grid = stage(grid, skips.pop(0) if stage.join is not None else None, condition)
        outputs: Tensor = self.head(grid).unflatten(1, self.shape[:2])
        return outputs

    def start_at(self, outputs: Tensor) -> None:
        """The head's bias, one number a channel, becomes the mean of `outputs` (P, C, *) over *."""
        with torch.no_grad():
            cast(Tensor, self.head.bias).copy_(outputs.flatten(2).mean(2).flatten())


class _Rise(nn.Module):
    """One stage of the decoder: up to the next grid, its skip joined if it has one, blocks."""

    def __init__(
        self,
        config: ConvolutionConfig,
        inputs: int,
        channels: int,
        step: tuple[Shape, ...],
        skip: int,
        film: int,
    ) -> None:
        super().__init__()
        dimensions = len(step[0])
        up = _upward(config, inputs, channels, step)
        self.up = Block(up, config, channels, dimensions, same_shape=False, film=film)
        self.join = _joined(config, channels, skip, dimensions, film) if skip else None
        self.same = Chain(_same(config, channels, dimensions, film))

    def forward(self, x: Tensor, skip: Tensor | None, condition: Tensor | None) -> Tensor:
        """x: (B, C, *small), skip: (B, S, *large) or None; returns (B, C', *large)."""
        x = self.up(x, condition)
        if self.join is not None:
            assert skip is not None, "a stage with a skip needs its latents"
            x = self.join(torch.cat([x, skip], dim=1), condition)
        grid: Tensor = self.same(x, condition)
        return grid


def _downward(
    config: ConvolutionConfig, inputs: int, channels: int, dimensions: int, film: int
) -> Block:
    """The strided convolution that halves the grid."""
    padding = (config.kernel - 1) // 2
    layer = _CONVOLUTIONS[dimensions](inputs, channels, config.kernel, stride=2, padding=padding)
    return Block(layer, config, channels, dimensions, same_shape=False, film=film)


def _joined(
    config: ConvolutionConfig, channels: int, skip: int, dimensions: int, film: int
) -> Block:
    """The convolution from a grid with its skip's latents back to `channels`."""
    layer = _CONVOLUTIONS[dimensions](channels + skip, channels, config.kernel, padding="same")
    return Block(layer, config, channels, dimensions, same_shape=False, film=film)


def _entry(
    config: ConvolutionConfig, latent: Shape, grid: Shape, conditioning: Conditioning
) -> Chain:
    """From the bottleneck's latents to the smallest grid."""
    inputs = latent[0] + conditioning.joined
    if len(latent) == 1:
        return dense_chain(config, (inputs, *config.dense, prod(grid)), conditioning)
    require_same_grid(latent, grid)
    layer = _CONVOLUTIONS[len(latent) - 1](inputs, grid[0], 3, padding=1)
    return Chain([Block(layer, config, grid[0], len(latent) - 1, False, conditioning.filmed)])


def _require_same_skips(
    config: UnetConfig, given: tuple[Shape, ...], sizes: list[tuple[int, ...]]
) -> None:
    """Raise RecipeError unless the encoder's skips are the decoder's; sizes: smallest first."""
    wanted = [sizes[-1 - level] for level in config.levels]
    if [shape[1:] for shape in given] != wanted:
        raise RecipeError(
            f"the encoder gives skips on grids {_listed(s[1:] for s in given)} and the decoder "
            f"takes {_listed(wanted)}; give model.encoder and model.decoder (both kind=unet) the "
            "same number of stages, the same kernel and the same skips"
        )
    channels = sorted({shape[0] for shape in given} - {config.skip_channels})
    if channels:
        raise RecipeError(
            f"the encoder's skips have {channels[0]} latents at each place and the decoder takes "
            f"{config.skip_channels}; give both the same skip_channels"
        )


def _listed(grids: Any) -> str:
    return ", ".join("x".join(map(str, grid)) for grid in grids) or "none"
