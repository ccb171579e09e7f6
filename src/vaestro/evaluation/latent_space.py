"""The latent space of a split: what z knows, and whether q(z) is the prior.

Shape letters: N samples, K latents.
"""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vaestro.evaluation.classifier_two_sample import told_apart
from vaestro.evaluation.disentanglement import disentanglement
from vaestro.evaluation.encode import Encoded
from vaestro.evaluation.judge import evenly
from vaestro.evaluation.judge_data import Seen
from vaestro.evaluation.probes import probes
from vaestro.evaluation.references import References
from vaestro.foundation.randomness import Stream, generator
from vaestro.foundation.samples import Given
from vaestro.metrics.aggregate import dimensions, gaussian_total_correlation, surgery
from vaestro.metrics.mmd import mmd_test
from vaestro.models.vae import VAE
from vaestro.probability.priors.standard_normal import StandardNormal

SURGERY_SAMPLES = 2000
SURGERY_WORK = 4e8
"""The mixture is formed of at most so many samples, fewer for so many densities in all: the cost
grows with the square of N and with K."""
DRAWS = 1000
"""Draws of q(z) and of the prior that are compared."""


class Drawn(NamedTuple):
    """N posteriors evenly spread over a split, a draw z of each (N, K), and the conditions."""

    mean: Tensor
    log_variance: Tensor | None
    z: Tensor
    given: Given


def drawn(encoded: Encoded, most: int, seed: int) -> Drawn:
    """A draw from each of at most `most` posteriors; of a point, the point."""
    rows = evenly(len(encoded.mean), most)
    mean = encoded.mean[rows]
    log_variance = None if encoded.log_variance is None else encoded.log_variance[rows]
    noise = torch.randn(mean.shape, generator=generator(seed, Stream.EVALUATION), dtype=mean.dtype)
    z = mean if log_variance is None else mean + torch.exp(0.5 * log_variance) * noise
    return Drawn(mean, log_variance, z, encoded.given.part(rows))


def most_mixed(latent: int) -> int:
    """How many posteriors of K dimensions the mixture is formed of."""
    return max(2, min(SURGERY_SAMPLES, math.isqrt(int(SURGERY_WORK / latent))))


def quick_figures(vae: VAE, encoded: Encoded, seed: int) -> dict[str, float | None]:
    """Mutual information and prior mismatch in nats; None for a point."""
    if encoded.log_variance is None:
        return {"mutual_information": None, "mutual_information_cap": None, "prior_mismatch": None}
    some = drawn(encoded, most_mixed(vae.latent), seed)
    assert some.log_variance is not None
    place = next(vae.parameters()).device
    with torch.no_grad():
        log_prior = vae.prior.log_prob(some.z.to(place), some.given.on(place)).cpu()
    parts = surgery(some.mean, some.log_variance, some.z, log_prior)
    return {
        "mutual_information": parts.mutual_information,
        "mutual_information_cap": parts.cap,
        "prior_mismatch": parts.prior_mismatch,
    }


def latent_space(
    vae: VAE, encoded: Encoded, learn: Seen, held: Seen, references: References, seed: int
) -> dict[str, Any]:
    """The section of a record: per-dimension figures, total correlation, two tests of q(z) against
    the prior, linear probes, disentanglement."""
    return {
        **_by_dimension(vae, encoded, seed),
        **_against_the_prior(vae, encoded, seed),
        "probes": probes(learn, held, references),
        "disentanglement": disentanglement(held, references, seed),
    }


def _by_dimension(vae: VAE, encoded: Encoded, seed: int) -> dict[str, Any]:
    """Null for a point; the marginal KLs null for another prior than N(0, I)."""
    some = drawn(encoded, most_mixed(vae.latent), seed)
    if some.log_variance is None:
        names = ("mutual_information", "marginal_kl")
        lists = {f"{name}_per_dimension": None for name in names}
        return {**lists, "total_correlation": None, "total_correlation_gaussian": None, "mixed": 0}
    parts = dimensions(some.mean, some.log_variance, some.z)
    standard = isinstance(vae.prior, StandardNormal)
    return {
        "mutual_information_per_dimension": parts.mutual_information.tolist(),
        "marginal_kl_per_dimension": parts.marginal_kl.tolist() if standard else None,
        "total_correlation": parts.total_correlation,
        "total_correlation_gaussian": gaussian_total_correlation(some.mean, some.log_variance),
        "mixed": len(some.z),
    }


def _against_the_prior(vae: VAE, encoded: Encoded, seed: int) -> dict[str, Any]:
    some = drawn(encoded, DRAWS, seed)
    random = generator(seed, Stream.EVALUATION, 2)
    with torch.no_grad():
        source = generator(seed, Stream.EVALUATION, 3)
        prior = vae.prior.sample(len(some.z), vae.latent, source, some.given).cpu()
    if len(some.z) < 4:
        return {"mmd": None, "told_apart": None}
    found = mmd_test(some.z, prior, random)
    kernel = "exp(-|a - b|^2 / (2 bandwidth^2)), bandwidth the median distance"
    return {
        "mmd": {**found._asdict(), "kernel": kernel, "n": len(some.z)},
        "told_apart": told_apart(some.z, prior),
    }
