"""A trained model whose prior is fitted: its latents, and how well a prior foretells them.

Shape letters: N samples, K latents.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vaestro.evaluation.encode import Encoded
from vaestro.experiments.snapshots import write_arrays
from vaestro.foundation.plain import finite
from vaestro.foundation.randomness import Stream, generator
from vaestro.foundation.samples import Given, SampleSpec
from vaestro.generation.diffusion.prior import DiffusionPrior
from vaestro.generation.priors.fitted import FittedPrior
from vaestro.generation.priors.latents import Latents, Score, Told, score, told_by
from vaestro.generation.sampling import decode_all, sample
from vaestro.metrics.frechet import frechet_distance
from vaestro.models.vae import VAE

COMPARED = 1000
"""Frechet distances compare so many draws with as many held-out samples, or as there are; and the
likelihood of diffusion is that of so many."""
MOST_NUMBERS = 50_000_000
"""Decoded samples of more numbers in all are not compared."""
SHOWN = 64
"""So many samples of a prior are kept for the report."""


@dataclass(frozen=True)
class Subject:
    """A model, its run's folder, the spec of its samples, the latents of two of its splits."""

    root: Path
    vae: VAE
    spec: SampleSpec
    train: Latents
    validation: Latents
    seed: int

    @cached_property
    def told(self) -> Told:
        """What the model is told of each sample."""
        return told_by(self.vae, self.spec)

    @cached_property
    def held(self) -> tuple[Tensor, Given]:
        """One draw of q(z|x) of each validation sample, (N, K), the same for every prior."""
        return self.validation.draw(self.seed, 7), self.validation.given

    def own_score(self) -> Score:
        """The held-out log density under the model's own prior."""
        z, given = self.held
        place = next(self.vae.parameters())
        with torch.inference_mode():
            inside = self.vae.prior.log_prob(
                z.to(place.device, place.dtype), given.on(place.device)
            )
        return score(inside.cpu())

    def score_of(self, prior: FittedPrior) -> Score | None:
        """The held-out log density under a fitted prior, or a lower bound of it; None where it has
        none. That of diffusion, which passes the network many times, on some of the draws."""
        z, given = self.held
        if isinstance(prior, DiffusionPrior):
            rows = torch.linspace(0, len(z) - 1, min(COMPARED, len(z))).round().long()
            density = prior.held_out(z[rows], given.part(rows), self.told)
        else:
            density = prior.log_density(z, self.told.of(given))
        return None if density is None else score(density)

    def distances(self, prior: FittedPrior | None) -> dict[str, float | None]:
        """Frechet distances of draws of a prior (None: the model's own) from held-out draws of
        q(z|x) under the same conditions: of the latents, and of what both are decoded to."""
        z, given = self.held
        rows = torch.linspace(0, len(z) - 1, min(COMPARED, len(z))).round().long()
        z, given = z[rows], given.part(rows)
        if len(z) < 2:
            return {"frechet_latent": None, "frechet_decoded": None}
        drawn = self._drawn(prior, len(z), given)
        decoded = None
        if len(z) * self.spec.elements <= MOST_NUMBERS:
            one, other = (decode_all(self.vae, codes, given).flatten(1) for codes in (drawn, z))
            decoded = finite(frechet_distance(one, other))
        return {
            "frechet_latent": finite(frechet_distance(drawn, z)),
            "frechet_decoded": decoded,
        }

    def _drawn(self, prior: FittedPrior | None, count: int, given: Given) -> Tensor:
        random = generator(self.seed, Stream.PRIORS, 8)
        if prior is not None:
            return prior.draw(count, random, given)
        place = next(self.vae.parameters()).device
        own = given.on(place)
        random = generator(self.seed, Stream.PRIORS, 8, device=place)
        return self.vae.prior.sample(count, self.vae.latent, random, own).float().cpu()


def keep_samples(path: Path, vae: VAE, prior: FittedPrior, seed: int) -> None:
    """Write decoded samples of a fitted prior, (S, *) in natural units, for the run's report; with
    the conditions of the samples of the model's own prior there."""
    write_arrays(path, samples=sample(vae, SHOWN, seed, stream=Stream.PICTURES, fitted=prior))


def latents_of(encoded: Encoded, epsilon_std: float) -> Latents:
    """The posteriors as the decoder meets them: with the sampler's own scale of noise."""
    given = encoded.given
    if encoded.log_variance is None or epsilon_std == 0:
        return Latents(encoded.mean.float(), None, given)
    spread = encoded.log_variance.float() + 2 * math.log(epsilon_std)
    return Latents(encoded.mean.float(), spread, given)


class Measured(NamedTuple):
    """What is said of a prior: held-out nats with their standard error, whether these are a lower
    bound, and Frechet distances; null where not defined."""

    held_out_nats: float | None
    standard_error: float | None
    bound: bool
    frechet_latent: float | None
    frechet_decoded: float | None

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return self._asdict()


def measured(subject: Subject, prior: FittedPrior | None, bound: bool = False) -> Measured:
    """All figures of a fitted prior, or of the model's own (None)."""
    found = subject.own_score() if prior is None else subject.score_of(prior)
    nats, error = (None, None) if found is None else found
    distances = subject.distances(prior)
    return Measured(
        None if nats is None else finite(nats),
        error,
        bound,
        distances["frechet_latent"],
        distances["frechet_decoded"],
    )
