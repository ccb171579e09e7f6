"""An encoder with its posterior head as one module, so that both can be frozen together.

Shape letters: B batch, L latents at a place (or in all), * the sample's axes.
"""

from typing import Any

import torch
from torch import Tensor, nn

from vaestro.foundation.randomness import Stream, generator
from vaestro.models.config import ModelConfig
from vaestro.models.levels import latent_shapes
from vaestro.models.posterior_head import PosteriorHead
from vaestro.networks.body import UNTOLD, require_one_level
from vaestro.networks.kinds import build_encoder
from vaestro.networks.registry import part
from vaestro.probability.likelihoods.negative_binomial import NegativeBinomialConfig
from vaestro.probability.likelihoods.poisson import PoissonConfig

NAME = "whole-encoder"
READ = ("latent", "spatial", "encoder", "posterior", "likelihood")
"""The fields of a model's configuration that its encoder and head are made from."""


@part(NAME)
class WholeEncoder(nn.Module):
    """What `model`, the READ fields of a model that is told no condition, encodes with. Its weights
    have the names that the model's own have, so a model's file fills it.

    Raises RecipeError for a network with skips.
    """

    def __init__(self, shape: tuple[int, ...], model: dict[str, Any]) -> None:
        super().__init__()
        config = ModelConfig.parse(model)
        random = generator(int(torch.randint(2**31, ())), Stream.INITIALISATION)
        encoder = build_encoder(config.encoder, shape, UNTOLD, random)
        latents = latent_shapes(config, encoder)
        self.latent = require_one_level(latents)
        self.counts = isinstance(config.likelihood, PoissonConfig | NegativeBinomialConfig)
        self.encoder: Any = encoder
        self.head = PosteriorHead(config.posterior, encoder.out_shapes, latents, random)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, *) -> (B, 2, L) or (B, 2, L, *grid): the mean and the raw scale."""
        (features,) = self.encoder(torch.log1p(x) if self.counts else x, None)
        mean, raw = self.head.levels[0](features)
        both: Tensor = torch.stack([mean, raw], dim=1).unflatten(2, self.latent)
        return both
