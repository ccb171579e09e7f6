"""The variational autoencoder: parts put together, without a loss and without files.

Shape letters: B batch, K latents, N samples, P outputs per element, * the sample's axes.
"""

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from vaestro.foundation.errors import DataError
from vaestro.foundation.randomness import Stream, generator
from vaestro.foundation.samples import Batch, SampleSpec
from vaestro.models.config import ModelConfig
from vaestro.models.posterior_head import PosteriorHead
from vaestro.networks.body import Decoder, EncoderBody
from vaestro.networks.kinds import build_decoder, build_encoder
from vaestro.probability.likelihoods.kinds import build_likelihood
from vaestro.probability.likelihoods.likelihood import Likelihood
from vaestro.probability.posterior import Posterior
from vaestro.probability.priors import Prior, build_prior
from vaestro.transforms.transform import Transform


class Pass(NamedTuple):
    """One pass through the model. log_likelihood: (B,) nats in natural units; kl: (B, K) nats."""

    posterior: Posterior
    z: Tensor
    outputs: Tensor
    log_likelihood: Tensor
    kl: Tensor


class VAE(nn.Module):
    """Encoder, posterior head, decoder, likelihood, prior and transform.

    Training works in model space: data through the transform once. `encode` and `decode` take and
    give model space; `reconstruct`, `generate` and `latents` take and give natural units.
    Densities are reported in natural units: log|det| of the transform is added to each.
    """

    def __init__(
        self,
        encoder: EncoderBody,
        head: PosteriorHead,
        decoder: Decoder,
        likelihood: Likelihood,
        prior: Prior,
        transform: Transform,
        shape: tuple[int, ...],
    ) -> None:
        super().__init__()
        self.encoder = cast(nn.Module, encoder)
        self.head = head
        self.decoder = cast(nn.Module, decoder)
        self.likelihood = likelihood
        self.prior = prior
        self.transform = transform
        self.shape = shape

    @property
    def latent(self) -> int:
        """K, the number of latent dimensions."""
        return self.head.latent

    def encode(self, x: Tensor) -> Posterior:
        """q(z|x) of model-space samples x: (B, *). Raises DataError when the shape differs."""
        if x.shape[1:] != self.shape:
            raise DataError(
                f"samples have shape {tuple(x.shape[1:])} and the model was built for {self.shape}"
            )
        posterior: Posterior = self.head(self.encoder(x))
        return posterior

    def decode(self, z: Tensor) -> Tensor:
        """The likelihood's outputs (B, P, *) for z: (B, K), in at least 32 bits."""
        outputs: Tensor = self.decoder(z)
        return outputs.float() if outputs.dtype in (torch.bfloat16, torch.float16) else outputs

    def forward(self, x: Tensor, noise: Tensor) -> Pass:
        """x: (B, *) in model space; noise: (B, K) standard normal."""
        posterior = self.encode(x)
        z = posterior.sample(noise if self.head.epsilon_std == 1 else noise * self.head.epsilon_std)
        outputs = self.decode(z)
        log_likelihood = self.likelihood.log_prob(x, outputs) + self.transform.log_det
        return Pass(posterior, z, outputs, log_likelihood, self.prior.divergence(posterior, z))

    def beside(self, batch: Batch) -> Tensor | float:
        """Nats (B,) that each sample has beside the model: how much likelier than on average over
        the training data the transform's completion finds what it dropped; 0 if it drops nothing.
        """
        return self.transform.excess(batch.truth) if self.transform.reduces else 0.0

    def latents(self, x: Tensor) -> Tensor:
        """Posterior means (B, K) of natural samples x: (B, *)."""
        return self.encode(self.transform.apply(x)).mean

    def generate(self, z: Tensor) -> Tensor:
        """The likelihood's mean (B, *) in natural units for z: (B, K)."""
        return self.transform.invert(self.likelihood.mean(self.decode(z)))

    def reconstruct(self, x: Tensor) -> Tensor:
        """Natural samples (B, *) through the posterior mean and back."""
        return self.generate(self.latents(x))


def build_vae(
    config: ModelConfig, spec: SampleSpec, transform: Transform, data_mean: Tensor, seed: int
) -> VAE:
    """Assemble and initialise the model of `config` for samples of `spec`.

    `data_mean` (*) is the training mean in model space; the decoder's output starts there. Move the
    result to the device and number type that it is to work in: a spread starts in 64 bits.
    Raises RecipeError when the parts do not fit the samples.
    """
    random = generator(seed, Stream.INITIALISATION)
    likelihood = build_likelihood(config.likelihood, spec)
    encoder = build_encoder(config.encoder, spec.shape, random)
    head = PosteriorHead(config.posterior, encoder.out_features, config.latent, random)
    maps = likelihood.outputs_per_element
    decoder = build_decoder(config.decoder, config.latent, spec.shape, maps, random)
    decoder.start_at(likelihood.initial_outputs(data_mean))
    prior = build_prior(config.prior)
    return VAE(encoder, head, decoder, likelihood, prior, transform, spec.shape)
