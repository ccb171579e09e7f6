"""The variational autoencoder: parts put together, without a loss and without files.

Shape letters: B batch, K latents, E condition width, P outputs per element, * the sample's axes.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple, cast

import torch
from torch import Tensor, nn

from vaestro.foundation.errors import DataError, RecipeError
from vaestro.foundation.samples import NOTHING, Batch, Given
from vaestro.models.condition import Condition
from vaestro.models.memory import Memory
from vaestro.models.posterior_head import Head
from vaestro.models.predictor import Predictor
from vaestro.networks.body import Decoder, Encoder
from vaestro.networks.foreign import ForeignEncoder
from vaestro.probability.likelihoods.likelihood import Likelihood
from vaestro.probability.posterior import Posterior
from vaestro.probability.priors.prior import Prior
from vaestro.transforms.transform import Transform


class Pass(NamedTuple):
    """One pass through the model. log_likelihood: (B,) nats in natural units; kl: (B, K) nats;
    label_nats: (B,) what reading a covariate cost; lesson: (B,) what the prior's own critic learns
    from; each None where there is none."""

    posterior: Posterior
    z: Tensor
    outputs: Tensor
    log_likelihood: Tensor
    kl: Tensor
    label_nats: Tensor | None = None
    lesson: Tensor | None = None


@dataclass(frozen=True)
class Parts:
    """What a VAE is put together from. `memory` is there when anything is told to the model, the
    `predictor` when it reads a covariate."""

    encoder: Encoder
    head: Head
    decoder: Decoder
    likelihood: Likelihood
    prior: Prior
    transform: Transform
    condition: Condition | None = None
    memory: Memory | None = None
    predictor: Predictor | None = None


class VAE(nn.Module):
    """Encoder, posterior head, decoder, likelihood, prior, transform and condition.

    Training works in model space: data through the transform once. `encode` and `decode` take and
    give model space; `reconstruct`, `generate` and `latents` take and give natural units.
    Densities are reported in natural units: log|det| of the transform is added to each. A
    conditional model needs what it is conditioned on in `given`; `told` names the columns of its
    covariates.
    """

    def __init__(self, parts: Parts, shape: tuple[int, ...], told: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.encoder = cast(nn.Module, parts.encoder)
        self.head = parts.head
        self.decoder = cast(nn.Module, parts.decoder)
        self.likelihood = parts.likelihood
        self.prior = parts.prior
        self.transform = parts.transform
        self.condition = parts.condition
        self.memory = parts.memory
        self.predictor = parts.predictor
        self.shape = shape
        self.told = told

    @property
    def latent(self) -> int:
        """K, the number of latent dimensions, those of skips included."""
        return self.head.latent

    def encode(self, x: Tensor, given: Given = NOTHING) -> Posterior:
        """q(z|x) of model-space samples x: (B, *). Raises DataError when the shape differs."""
        self._require_shape(x)
        return self._posterior(self.features(x, given), given)

    def _require_shape(self, x: Tensor) -> None:
        if x.shape[1:] != self.shape:
            raise DataError(
                f"samples have shape {tuple(x.shape[1:])} and the model was built for {self.shape}"
            )

    def features(self, x: Tensor, given: Given = NOTHING) -> tuple[Tensor, ...]:
        """What the encoder makes of model-space samples x: (B, *), level by level. Ours are shown
        the logarithm of counts; a module of the user's sees what it is given."""
        shown = x if isinstance(self.encoder, ForeignEncoder) else self.likelihood.shown(x)
        features: tuple[Tensor, ...] = self.encoder(shown, self._condition("encoder", given))
        return features

    def _posterior(self, features: tuple[Tensor, ...], given: Given) -> Posterior:
        """The head's posterior, from features that a condition joins if it has not yet."""
        if self.condition is not None and not self.encoder.joins:
            told, entering = self._condition("encoder", given), self.condition.entering("encoder")
            features = tuple(entering.join(level, told) for level in _flat(features, self.head))
        posterior: Posterior = self.head(features)
        return posterior

    def decode(self, z: Tensor, given: Given = NOTHING) -> Tensor:
        """The likelihood's outputs (B, P, *) for z: (B, K), in at least 32 bits."""
        outputs: Tensor = self.decoder(self.head.divided(z), self._condition("decoder", given))
        return outputs.float() if outputs.dtype in (torch.bfloat16, torch.float16) else outputs

    def _condition(self, side: Literal["encoder", "decoder"], given: Given) -> Tensor | None:
        """The condition (B, E) for the network on `side`, if it is told any."""
        if self.condition is None or self.condition.entering(side).width == 0:
            return None
        told: Tensor = self.condition(given)
        return told

    def forward(
        self,
        x: Tensor,
        noise: Tensor,
        given: Given = NOTHING,
        features: tuple[Tensor, ...] | None = None,
    ) -> Pass:
        """x: (B, *) in model space; noise: (B, K) standard normal; `features` of x spare the
        encoder."""
        self._require_shape(x)
        features = self.features(x, given) if features is None else features
        posterior = self._posterior(features, given)
        z = posterior.sample(noise * self.head.epsilon_std)
        outputs = self.decode(z, given)
        log_likelihood = self.likelihood.log_prob(x, outputs) + self.transform.log_det
        kl = self.prior.divergence(posterior, z, given, noise)
        label_nats = self._label_nats(features, given)
        lesson = self.prior.lesson(z, given, noise) if self.training else None
        return Pass(posterior, z, outputs, log_likelihood, kl, label_nats, lesson)

    def _label_nats(self, features: tuple[Tensor, ...], given: Given) -> Tensor | None:
        if self.predictor is None or given.covariates is None:
            return None
        r = given.covariates[:, self.told.index(self.predictor.covariate)]
        return self.predictor.nll(self.predictor(features[0]), r)

    def predict(self, x: Tensor, given: Given = NOTHING) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation (B,) of the covariate that model-space samples x: (B, *)
        have, in its own units. Raises RecipeError for a model without a predictor."""
        if self.predictor is None:
            raise RecipeError(
                "this model predicts no covariate; give model.predictor in its recipe"
            )
        return self.predictor.predict(self.predictor(self.features(x, given)[0]))

    def beside(self, batch: Batch) -> Tensor | float:
        """Nats (B,) that each sample has beside the model: how much likelier than on average over
        the training data the transform's completion finds what it dropped; 0 if it drops nothing.
        """
        return self.transform.excess(batch.truth) if self.transform.reduces else 0.0

    def latents(self, x: Tensor, given: Given = NOTHING) -> Tensor:
        """Posterior means (B, K) of natural samples x: (B, *)."""
        return self.encode(self.transform.apply(x), given).mean

    def generate(self, z: Tensor, given: Given = NOTHING) -> Tensor:
        """The likelihood's mean (B, *) in natural units for z: (B, K)."""
        return self.transform.invert(self.likelihood.mean(self.decode(z, given)))

    def reconstruct(self, x: Tensor, given: Given = NOTHING) -> Tensor:
        """Natural samples (B, *) through the posterior mean and back."""
        return self.generate(self.latents(x, given), given)


def _flat(features: tuple[Tensor, ...], head: Head) -> tuple[Tensor, ...]:
    """Features of a grid whose latents are flat, flattened: a condition joins them once."""
    return tuple(
        level.flatten(1) if len(latent) == 1 else level
        for level, latent in zip(features, head.latents, strict=True)
    )
