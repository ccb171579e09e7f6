"""A VAE from its configuration: parts built, initialised and put together."""

from dataclasses import dataclass
from math import prod
from typing import Literal

import torch
from torch import Tensor, nn

from vaestro.foundation.errors import RecipeError
from vaestro.foundation.randomness import Stream, generator
from vaestro.foundation.samples import SampleSpec
from vaestro.models.condition import Condition, build_condition
from vaestro.models.config import ModelConfig
from vaestro.models.covariates import told_covariates
from vaestro.models.levels import features_told, latent_shapes
from vaestro.models.memory import Memory
from vaestro.models.posterior_head import Head, PosteriorHead, given_posterior
from vaestro.models.predictor import Predictor
from vaestro.models.vae import VAE, Parts
from vaestro.models.whole_encoder import WholeEncoder
from vaestro.networks.body import UNTOLD, Conditioning, Encoder, Shape
from vaestro.networks.foreign import ForeignEncoder
from vaestro.networks.kinds import build_decoder, build_encoder
from vaestro.probability.likelihoods.kinds import build_likelihood
from vaestro.probability.priors.kinds import build_prior
from vaestro.transforms.transform import Transform

SIDES: tuple[Literal["encoder", "decoder"], ...] = ("encoder", "decoder")
OWN_PARTS = (WholeEncoder,)
"""Parts that recipes find by name without anybody's import."""


@dataclass(frozen=True)
class Guests:
    """Python's own modules for the networks of `kind: given`, and None for the others."""

    encoder: nn.Module | None = None
    decoder: nn.Module | None = None


NOBODY = Guests()


def build_vae(
    config: ModelConfig,
    spec: SampleSpec,
    transform: Transform,
    data_mean: Tensor,
    seed: int,
    guests: Guests = NOBODY,
) -> VAE:
    """Assemble and initialise the model of `config` for samples of `spec`.

    `data_mean` (*) is the training mean in model space; the decoder's output starts there. Move the
    result to the device and number type that it is to work in: a spread starts in 64 bits.
    Raises RecipeError when the parts do not fit the samples.
    """
    random = generator(seed, Stream.INITIALISATION)
    likelihood = build_likelihood(config.likelihood, spec)
    condition = build_condition(config.condition, spec, random)
    inward, outward = (UNTOLD if condition is None else condition.entering(s) for s in SIDES)
    encoder = build_encoder(config.encoder, spec.shape, inward, random, guests.encoder)
    head = _head(config, encoder, inward, random)
    maps = likelihood.outputs_per_element
    decoder = build_decoder(
        config.decoder, head.latents, spec.shape, maps, outward, random, guests.decoder
    )
    decoder.start_at(likelihood.initial_outputs(data_mean))
    told = told_covariates(config)
    prior = build_prior(config.prior, head.latent, spec, told, random)
    parts = Parts(
        encoder,
        head,
        decoder,
        likelihood,
        prior,
        transform,
        condition,
        _memory(condition, told),
        _predictor(config, encoder, random),
    )
    return VAE(parts, spec.shape, told)


def _head(
    config: ModelConfig, encoder: Encoder, inward: Conditioning, random: torch.Generator
) -> Head:
    """A head of our own, or none where the encoder gives the posterior itself."""
    if isinstance(encoder, ForeignEncoder) and encoder.gives == "posterior":
        latent = encoder.out_shapes[0][1:]
        _require_latent(config, latent)
        return given_posterior(config.posterior, latent)
    latents = latent_shapes(config, encoder)
    features = features_told(encoder, latents, inward)
    return PosteriorHead(config.posterior, features, latents, random)


def _require_latent(config: ModelConfig, latent: Shape) -> None:
    """Raise RecipeError unless the recipe says of an encoder's own latents what they are."""
    if config.posterior.hidden:
        raise RecipeError(
            "model.posterior.hidden are layers of a head, and an encoder that gives the posterior "
            "itself has none; give model.posterior.hidden=[]"
        )
    if (config.latent, config.spatial) != (latent[0], len(latent) > 1):
        place = f" at each place of a grid {latent[1:]}" if len(latent) > 1 else ""
        spatial = str(len(latent) > 1).lower()
        raise RecipeError(
            f"the encoder gives the posterior of {latent[0]} latents{place}, and the recipe says "
            f"otherwise; give model.latent={latent[0]} and model.spatial={spatial}"
        )


def _memory(condition: Condition | None, told: tuple[str, ...]) -> Memory | None:
    return None if condition is None and not told else Memory(len(told))


def _predictor(config: ModelConfig, encoder: Encoder, random: torch.Generator) -> Predictor | None:
    if config.predictor is None:
        return None
    return Predictor(config.predictor, prod(encoder.out_shapes[0]), random)
