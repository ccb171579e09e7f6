"""The denoiser of latents with all that it needs: what is trained, and what is saved.

Shape letters: B batch, C channels, E width of the embedding, V covariates, * the latent's axes.
"""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from vaestro.foundation.config import ByKind, Config
from vaestro.foundation.randomness import Stream, generator
from vaestro.foundation.samples import NOTHING, Given, SampleSpec
from vaestro.generation.diffusion.condition import (
    DiffusionConditionConfig,
    UntoldConfig,
    build_condition,
)
from vaestro.generation.diffusion.noise_levels import PathConfig, RectifiedFlowConfig
from vaestro.models.memory import Memory
from vaestro.networks.body import Shape
from vaestro.networks.grid_unet import GridUnet, GridUnetConfig
from vaestro.networks.initialise import initialise
from vaestro.networks.residual_mlp import ResidualMlp, ResidualMlpConfig
from vaestro.networks.time_embedding import TimeEmbedding
from vaestro.transforms.affine import Affine

DenoiserConfig = Annotated[
    Annotated[ResidualMlpConfig | GridUnetConfig, Field(discriminator="kind")], ByKind
]


class DiffusionConfig(Config):
    """The path between data and noise, the network that goes back along it, what it is told.

    `embedding`: the width E in which time and condition are told.
    """

    path: PathConfig = RectifiedFlowConfig()
    denoiser: DenoiserConfig = ResidualMlpConfig()
    embedding: int = Field(default=128, ge=1)
    condition: DiffusionConditionConfig = UntoldConfig()


class LatentDiffusion(nn.Module):
    """Predicts the path's target from x_t, t and the condition, for latents of `shape`.

    prediction = slope(t) x_t + network(x_t, t, condition), slope being that of the best denoiser of
    N(0, I) (Karras et al. 2022, eq. 7, says why a network should learn the rest alone). The network
    starts at zero, so that the loss starts where a Gaussian with the latents' means and standard
    deviations would end. `standard` holds those, measured over the training split; everything else
    works on standardised latents.
    """

    def __init__(self, config: DiffusionConfig, shape: Shape, spec: SampleSpec, seed: int) -> None:
        super().__init__()
        random = generator(seed, Stream.INITIALISATION)
        self.config, self.shape = config, shape
        self.standard = Affine(torch.zeros(shape), torch.ones(shape))
        self.time = TimeEmbedding(config.embedding)
        initialise(self.time, "he", random)
        self.condition = build_condition(config.condition, spec, config.embedding, random)
        self.memory = None if self.condition is None else Memory(len(self.told))
        self.denoiser = (
            ResidualMlp(config.denoiser, shape, config.embedding, random)
            if isinstance(config.denoiser, ResidualMlpConfig)
            else GridUnet(config.denoiser, shape, config.embedding, random)
        )

    @property
    def by_label(self) -> bool:
        """Whether the prior is told labels."""
        return self.condition is not None and self.condition.by_label

    @property
    def told(self) -> tuple[str, ...]:
        """The names of the covariates that the prior is told, the columns of Given.covariates."""
        return () if self.condition is None else self.condition.names

    def forward(
        self, x: Tensor, t: Tensor, given: Given = NOTHING, dropped: Tensor | None = None
    ) -> Tensor:
        """x: (B, *) standardised and noised; t: (B,); dropped: (B,), true where the condition is
        not told (None: nowhere); returns (B, *)."""
        embedded = self.time(t)
        if self.condition is not None:
            untold = torch.zeros_like(t, dtype=torch.bool) if dropped is None else dropped
            embedded = embedded + self.condition(given, untold)
        predicted: Tensor = self.denoiser(x, nn.functional.silu(embedded))
        return self.gaussian(x, t) + predicted

    def gaussian(self, x: Tensor, t: Tensor) -> Tensor:
        """What the best denoiser of N(0, I) predicts, (B, *), of x: (B, *) at t: (B,)."""
        slope: Tensor = self.config.path.gaussian_slope(t)
        return slope.reshape(-1, *(1,) * len(self.shape)) * x
