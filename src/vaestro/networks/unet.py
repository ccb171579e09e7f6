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
from typing import Any

import torch
from torch import Tensor, nn

from vaestro.foundation.errors import RecipeError
from vaestro.networks.body import Conditioning, Shape
from vaestro.networks.dense import dense_chain
from vaestro.networks.initialise import OUTPUT_GAIN, initialise, initialise_head
from vaestro.networks.layers import Chain
from vaestro.networks.rise import Rise
from vaestro.networks.stages import (
    downward,
    entry,
    grid_sizes,
    same,
    start_channels_at,
    upward,
)
from vaestro.networks.unet_config import UnetConfig


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
        film = conditioning.filmed
        sizes = grid_sizes(shape, config)
        self.stages = nn.ModuleList(
            Chain(
                [
                    downward(config, a, b, len(shape) - 1, film),
                    *same(config, b, len(shape) - 1, film),
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
        sizes = grid_sizes(shape, config)[::-1]
        _require_same_skips(config, latents[1:], sizes)
        self.shape = (outputs, *shape)
        self.grid = (config.channels[0], *sizes[0])
        self.conditioning = conditioning
        self.entry = entry(config, latents[0], self.grid, conditioning)
        self.first = Chain(same(config, self.grid[0], len(shape) - 1, conditioning.filmed))
        skips = dict(zip(config.levels, (latent[0] for latent in latents[1:]), strict=True))
        joined = [skips.get(halvings, 0) for halvings in range(len(sizes) - 2, 0, -1)]
        steps = list(pairwise(sizes))
        self.stages = nn.ModuleList(
            Rise(config, a, b, step, skip, conditioning.filmed)
            for (a, b), step, skip in zip(
                pairwise(config.channels), steps[:-1], joined, strict=True
            )
        )
        self.head = upward(config, config.channels[-1], outputs * shape[0], steps[-1])
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
        start_channels_at(self.head, outputs)


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
