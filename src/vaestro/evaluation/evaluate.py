"""One record for one split: likelihood, both terms, latent space."""

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch

from vaestro.evaluation.conditioning import conditioning
from vaestro.evaluation.encode import Encoded, encode_split
from vaestro.evaluation.likelihood import likelihoods
from vaestro.foundation.errors import DataError
from vaestro.foundation.randomness import Stream, generator
from vaestro.foundation.samples import Batch, Given
from vaestro.metrics.aggregate import surgery
from vaestro.metrics.live import live_dimensions
from vaestro.models.levels import skip_nats
from vaestro.models.vae import VAE

SURGERY_SAMPLES = 2000
"""The mutual information is estimated on at most this many samples (cost grows with the square)."""


class Trial(NamedTuple):
    """Batches for the judges of a conditional model: training samples to learn from, and those of
    another split to be tried on, or None to hold out a fifth of the former."""

    learn: Callable[[], Iterable[Batch]]
    held: Callable[[], Iterable[Batch]] | None


def evaluate(
    vae: VAE,
    batches: Callable[[], Iterable[Batch]],
    samples: int = 64,
    seed: int = 0,
    trial: Trial | None = None,
) -> dict[str, Any]:
    """The figures of a split, all per sample and in nats unless named otherwise.

    elbo at beta 1 (higher is better, at most -nll); nll importance-weighted with `samples` draws,
    its standard error over the split and its Monte Carlo error; bits_per_dimension for discrete
    likelihoods; skip_term the nats of the prior term that go around the bottleneck, of a network
    with skips; mse per element in natural units; mutual_information and prior_mismatch;
    conditioning as `evaluation.conditioning` has it, of a conditional model with a `trial`.
    Raises DataError for an empty split.
    """
    training = vae.training
    vae.eval()
    try:
        first = next(iter(batches()), None)
        if first is None or len(first.x) == 0:
            raise DataError("the split has no samples; legal splits: those with at least one")
        return {
            **_record(vae, batches, samples, seed),
            "conditioning": None if trial is None else _tried(vae, trial, seed),
        }
    finally:
        vae.train(training)


def _tried(vae: VAE, trial: Trial, seed: int) -> dict[str, Any] | None:
    held = None if trial.held is None else trial.held()
    return conditioning(vae, trial.learn(), held, seed)


def _record(
    vae: VAE, batches: Callable[[], Iterable[Batch]], samples: int, seed: int
) -> dict[str, Any]:
    figures = likelihoods(vae, batches(), samples, seed)
    encoded = encode_split(vae, batches())
    count, elements = len(figures.data_term), math.prod(vae.shape)
    data_term, prior_term = float(figures.data_term.mean()), float(figures.prior_term.mean())
    nll = None if figures.nll is None else float(figures.nll.mean())
    return {
        "elbo": -(data_term + prior_term) if vae.head.stochastic else None,
        "nll": nll,
        "nll_samples": samples if nll is not None else None,
        "nll_standard_error": _standard_error(figures.nll),
        "nll_monte_carlo_error": _combined(figures.nll_variance),
        "bits_per_dimension": nll / elements / math.log(2)
        if nll is not None and vae.likelihood.discrete
        else None,
        "data_term": data_term,
        "prior_term": prior_term,
        "skip_term": skip_nats(vae.head.latents, encoded.kl.double().mean(0)),
        "mse": float(figures.squared_error.mean()),
        "live_dimensions": live_dimensions(encoded.kl.double().mean(0)),
        "kl_per_dimension": encoded.kl.double().mean(0).tolist(),
        **_latent_space(vae, encoded, seed),
        "n": count,
    }


def _latent_space(vae: VAE, encoded: Encoded, seed: int) -> dict[str, float | None]:
    """Mutual information and mismatch on the first SURGERY_SAMPLES samples; None for a point."""
    if encoded.log_variance is None:
        return {"mutual_information": None, "mutual_information_cap": None, "prior_mismatch": None}
    mean = encoded.mean[:SURGERY_SAMPLES]
    log_variance = encoded.log_variance[:SURGERY_SAMPLES]
    noise = torch.randn(mean.shape, generator=generator(seed, Stream.EVALUATION), dtype=mean.dtype)
    z = mean + torch.exp(0.5 * log_variance) * noise
    device = next(vae.parameters()).device
    given = Given(
        *(None if c is None else c[:SURGERY_SAMPLES] for c in (encoded.labels, encoded.covariates))
    )
    log_prior = vae.prior.log_prob(z.to(device), given.on(device)).detach().cpu()
    parts = surgery(mean, log_variance, z, log_prior)
    return {
        "mutual_information": parts.mutual_information,
        "mutual_information_cap": parts.cap,
        "prior_mismatch": parts.prior_mismatch,
    }


def _standard_error(values: torch.Tensor | None) -> float | None:
    """The standard error of the mean over the split."""
    if values is None or len(values) < 2:
        return None
    return float(values.std() / math.sqrt(len(values)))


def _combined(variances: torch.Tensor | None) -> float | None:
    """The Monte Carlo standard error of the mean of independent estimates."""
    return None if variances is None else float(variances.sum().sqrt() / len(variances))
