"""From the encoder's features to the posterior: linear maps, never normalised.

Shape letters: B batch, K latents in all, F features, C channels, * a grid.
"""

from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn

from vaestro.networks.body import Shape, joined
from vaestro.networks.foreign import PassThroughHead, noise_scale
from vaestro.networks.initialise import initialise, initialise_head
from vaestro.probability.posterior import DeterministicConfig, GaussianConfig, Posterior

_POINTWISE = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


class Level(nn.Module):
    """One level's features (B, F) or (B, C, *) -> `maps` numbers for each of its latents.

    Flat latents come from all the features, latents on a grid from those at the same place. With
    `hidden` widths each map has layers of its own before its last one.
    """

    def __init__(
        self,
        features: Shape,
        latent: Shape,
        maps: int,
        hidden: tuple[int, ...],
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.latent, self.maps = latent, maps
        inputs = prod(features) if len(latent) == 1 else features[0]
        layer = _POINTWISE[len(latent) - 1]
        kernel = () if len(latent) == 1 else (1,)
        trunks = maps if hidden else 1
        self.hidden = nn.ModuleList(
            _hidden(layer, kernel, (inputs, *hidden), generator) for _ in range(trunks)
        )
        widths = (hidden or (inputs,))[-1]
        self.last = nn.ModuleList(
            layer(widths, latent[0] * maps // trunks, *kernel) for _ in range(trunks)
        )
        for last in self.last:
            initialise_head(last, generator)

    def forward(self, features: Tensor) -> tuple[Tensor, ...]:
        """`maps` tensors (B, K of this level)."""
        x = features.flatten(1) if len(self.latent) == 1 else features
        raw = [last(trunk(x)) for trunk, last in zip(self.hidden, self.last, strict=True)]
        joined = raw[0] if len(raw) == 1 else torch.cat(raw, dim=1)
        return tuple(part.flatten(1) for part in joined.chunk(self.maps, dim=1))


def _hidden(
    layer: type[nn.Module], kernel: tuple[int, ...], sizes: tuple[int, ...], random: torch.Generator
) -> nn.Sequential:
    steps = [(layer(a, b, *kernel), nn.ReLU()) for a, b in pairwise(sizes)]
    trunk = nn.Sequential(*(part for step in steps for part in step))
    initialise(trunk, "he", random)
    return trunk


class PosteriorHead(nn.Module):
    """The features of every level -> Posterior over all K latents, level after level.

    `epsilon_std`: the standard deviation of the sampler's noise; 0 for a point.
    """

    epsilon_std: Tensor

    def __init__(
        self,
        config: GaussianConfig | DeterministicConfig,
        features: tuple[Shape, ...],
        latents: tuple[Shape, ...],
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.config = config
        self.latents = latents
        self.latent = sum(map(prod, latents))
        std = config.epsilon_std if isinstance(config, GaussianConfig) else 0.0
        self.register_buffer("epsilon_std", noise_scale(std), persistent=False)
        maps = 1 if isinstance(config, DeterministicConfig) else 2
        self.levels = nn.ModuleList(
            Level(shape, latent, maps, config.hidden, generator)
            for shape, latent in zip(features, latents, strict=True)
        )

    @property
    def stochastic(self) -> bool:
        """Whether the posterior has a density (False for the plain autoencoder)."""
        return isinstance(self.config, GaussianConfig)

    def forward(self, features: tuple[Tensor, ...]) -> Posterior:
        """The posterior of each sample, in at least 32 bits: its exp and KL need the range."""
        parts = [level(x) for level, x in zip(self.levels, features, strict=True)]
        mean, *scale = (_wide(joined(column)) for column in zip(*parts, strict=True))
        if isinstance(self.config, DeterministicConfig):
            return Posterior(mean, None)
        return Posterior(mean, self.config.scale.log_variance(scale[0]))

    def divided(self, z: Tensor) -> tuple[Tensor, ...]:
        """z: (B, K) -> the latents of each level in their own shape."""
        parts = z.split([prod(latent) for latent in self.latents], dim=1)
        return tuple(
            part.reshape(len(z), *latent) for part, latent in zip(parts, self.latents, strict=True)
        )


Head = PosteriorHead | PassThroughHead[Posterior]
"""What gives the posterior: a head of ours, or an encoder that gives it itself."""


def given_posterior(
    config: GaussianConfig | DeterministicConfig, latent: Shape
) -> PassThroughHead[Posterior]:
    """The head of an encoder that gives mean and raw scale of latents of shape `latent`."""
    if isinstance(config, DeterministicConfig):
        return PassThroughHead((latent,), lambda mean, raw: Posterior(mean, None), False)
    scale = config.scale
    return PassThroughHead(
        (latent,),
        lambda mean, raw: Posterior(mean, scale.log_variance(raw)),
        epsilon_std=config.epsilon_std,
    )


def _wide(raw: Tensor) -> Tensor:
    return raw.float() if raw.dtype in (torch.bfloat16, torch.float16) else raw
