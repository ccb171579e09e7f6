"""ELBO terms and the importance-weighted NLL of each sample of a split.

Shape letters: B batch, S importance samples, C a chunk of them, K latents.
"""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from vaestro.foundation.randomness import Stream, generator
from vaestro.foundation.samples import Batch
from vaestro.metrics.importance import Marginal, marginal_log_prob
from vaestro.models.importance import log_likelihoods
from vaestro.models.vae import VAE

CHUNK_ELEMENTS = 4_000_000
"""How many decoder outputs are held at once: bounds the memory for any S."""


class Likelihoods(NamedTuple):
    """Per sample, (N,), float64: both terms, squared error per element, -log p(x) and its
    Monte Carlo variance (None for a point); nats."""

    data_term: Tensor
    prior_term: Tensor
    squared_error: Tensor
    nll: Tensor | None
    nll_variance: Tensor | None


@torch.inference_mode()
def likelihoods(vae: VAE, batches: Iterable[Batch], samples: int, seed: int) -> Likelihoods:
    """Every figure of each sample; `samples` = S. A deterministic posterior has no NLL."""
    rows: list[tuple[Tensor, ...]] = []
    row: tuple[Tensor, ...]
    for number, batch in enumerate(batches):
        random = generator(seed, Stream.EVALUATION, number, device=batch.x.device)
        noise = torch.randn(
            len(batch.x), vae.latent, generator=random, device=batch.x.device, dtype=batch.x.dtype
        )
        result = vae(batch.x, noise, batch.given)
        error = batch.truth - vae.generate(result.posterior.mean, batch.given)
        beside = vae.beside(batch)
        row = (
            -(result.log_likelihood + beside),
            result.kl.sum(1),
            error.square().flatten(1).mean(1),
        )
        if vae.head.stochastic:
            marginal = _marginal(vae, batch, samples, random)
            row = (*row, -(marginal.log_prob + beside), marginal.variance)
        rows.append(tuple(value.double().cpu() for value in row))
    columns = [torch.cat(column) for column in zip(*rows, strict=True)]
    data, prior, squared = columns[:3]
    nll, variance = columns[3:] if vae.head.stochastic else (None, None)
    return Likelihoods(data, prior, squared, nll, variance)


def _marginal(vae: VAE, batch: Batch, samples: int, random: torch.Generator) -> Marginal:
    """log p(x) with the posterior as proposal, a chunk of importance samples at a time."""
    x, given = batch.x, batch.given
    posterior = vae.encode(x, given)
    chunk = max(1, CHUNK_ELEMENTS // x.numel())
    log_weights = []
    for start in range(0, samples, chunk):
        size = min(chunk, samples - start)
        noise = torch.randn(
            size, *posterior.mean.shape, generator=random, device=x.device, dtype=x.dtype
        )
        z = posterior.sample(noise)
        log_x = log_likelihoods(vae, x, z, given)
        log_weights.append(log_x + vae.prior.log_prob(z, given) - posterior.log_prob(z))
    marginal = marginal_log_prob(torch.cat(log_weights))
    return Marginal(marginal.log_prob + vae.transform.log_det.double(), marginal.variance)
