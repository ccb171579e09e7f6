"""A VAE from its configuration: parts built, initialised and put together."""

from dataclasses import dataclass
from math import prod
from typing import Literal

import torch
from torch import Tensor

from vaestro.foundation.randomness import Stream, generator
from vaestro.foundation.samples import SampleSpec
from vaestro.models.condition import UNTOLD, Condition, build_condition
from vaestro.models.config import ModelConfig
from vaestro.models.levels import features_told, latent_shapes
from vaestro.models.memory import Memory
from vaestro.models.posterior_head import Head, PosteriorHead, given_posterior
from vaestro.models.predictor import Predictor
from vaestro.models.told import told_covariates
from vaestro.models.vae import VAE, Parts
from vaestro.networks.body import Conditioning, Decoder, Encoder, Shape
from vaestro.networks.foreign import ForeignDecoder, ForeignEncoder
from vaestro.networks.kinds import build_decoder, build_encoder
from vaestro.probability.likelihoods.kinds import build_likelihood
from vaestro.probability.likelihoods.likelihood import Likelihood
from vaestro.probability.priors.kinds import build_prior
from vaestro.transforms.transform import Transform

SIDES: tuple[Literal["encoder", "decoder"], ...] = ("encoder", "decoder")


@dataclass(frozen=True)
class Guests:
    """A user's own modules in the places of networks, for those that are given. `gives`: whether
    the encoder gives features or the posterior itself; `frozen`: networks whose weights stay."""

    encoder: torch.nn.Module | None = None
    decoder: torch.nn.Module | None = None
    gives: Literal["features", "posterior"] = "features"
    frozen: tuple[str, ...] = ()


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
    encoder = _encoder(config, spec.shape, inward, random, guests)
    head = _head(config, encoder, inward, random, guests)
    decoder = _decoder(config, head.latents, spec.shape, likelihood, outward, random, guests)
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
        _predictor(config, encoder, spec, random),
    )
    return VAE(parts, spec.shape, told)


def _encoder(
    config: ModelConfig,
    shape: Shape,
    inward: Conditioning,
    random: torch.Generator,
    guests: Guests,
) -> Encoder:
    if guests.encoder is None:
        return build_encoder(config.encoder, shape, inward, random)
    return ForeignEncoder(guests.encoder, shape, inward, guests.gives, "encoder" in guests.frozen)


def _head(
    config: ModelConfig,
    encoder: Encoder,
    inward: Conditioning,
    random: torch.Generator,
    guests: Guests,
) -> Head:
    if guests.encoder is not None and guests.gives == "posterior":
        return given_posterior(config.posterior, encoder.out_shapes[0][1:])
    latents = latent_shapes(config, encoder)
    features = features_told(encoder, latents, inward)
    return PosteriorHead(config.posterior, features, latents, random)


def _decoder(
    config: ModelConfig,
    latents: tuple[Shape, ...],
    shape: Shape,
    likelihood: Likelihood,
    outward: Conditioning,
    random: torch.Generator,
    guests: Guests,
) -> Decoder:
    maps = likelihood.outputs_per_element
    if guests.decoder is None:
        return build_decoder(config.decoder, latents, shape, maps, outward, random)
    frozen = "decoder" in guests.frozen
    return ForeignDecoder(guests.decoder, latents, shape, maps, outward, frozen, not frozen)


def _memory(condition: Condition | None, told: tuple[str, ...]) -> Memory | None:
    return None if condition is None and not told else Memory(len(told))


def _predictor(
    config: ModelConfig, encoder: Encoder, spec: SampleSpec, random: torch.Generator
) -> Predictor | None:
    if config.predictor is None:
        return None
    return Predictor(config.predictor, prod(encoder.out_shapes[0]), random)
