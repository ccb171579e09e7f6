"""ELBO terms and the importance-weighted NLL of each sample of a split.

Shape letters: N samples, B batch, S importance samples, K latents.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from vaestro.foundation.randomness import Stream, generator
from vaestro.foundation.samples import Batch
from vaestro.metrics.importance import Marginal, Weights
from vaestro.models.importance import log_likelihoods
from vaestro.models.vae import VAE

CHUNK_ELEMENTS = 4_000_000
"""How many decoder outputs are held at once: bounds the memory for any S and any B."""


class Likelihoods(NamedTuple):
    """Per sample, (N,), float64: both terms, -log p(x) and its Monte Carlo variance (None for a
    point); nats."""

    data_term: Tensor
    prior_term: Tensor
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
        beside = vae.beside(batch)
        row = (-(result.log_likelihood + beside), result.kl.sum(1))
        if vae.head.stochastic:
            marginal = importance_weighted(vae, batch, samples, random)
            row = (*row, -(marginal.log_prob + beside), marginal.variance)
        rows.append(tuple(value.double().cpu() for value in row))
    columns = [torch.cat(column) for column in zip(*rows, strict=True)]
    data, prior = columns[:2]
    nll, variance = columns[2:] if vae.head.stochastic else (None, None)
    return Likelihoods(data, prior, nll, variance)


def importance_weighted(vae: VAE, batch: Batch, samples: int, random: torch.Generator) -> Marginal:
    """log p(x) (B,) in natural units with the posterior as proposal; some of the batch and some of
    the importance samples at a time, and the weights' logarithms summed in 64 bits."""
    parts = [_weighted(vae, part, samples, random) for part in parts_of(batch, 1)]
    log_prob, variance = (torch.cat(column) for column in zip(*parts, strict=True))
    return Marginal(log_prob + vae.transform.log_det.double(), variance)


def parts_of(batch: Batch, draws: int) -> Iterator[Batch]:
    """Parts of a batch of which `draws` outputs each are held at once."""
    rows = max(1, CHUNK_ELEMENTS // (draws * batch.x[0].numel()))
    for start in range(0, len(batch.x), rows):
        yield batch.rows(start, min(start + rows, len(batch.x)))


def _weighted(vae: VAE, batch: Batch, samples: int, random: torch.Generator) -> Marginal:
    x, given = batch.x, batch.given
    posterior = vae.encode(x, given)
    chunk = max(1, CHUNK_ELEMENTS // x.numel())
    weights: Weights | None = None
    for start in range(0, samples, chunk):
        size = min(chunk, samples - start)
        noise = torch.randn(
            size, *posterior.mean.shape, generator=random, device=x.device, dtype=x.dtype
        )
        z = posterior.sample(noise)
        log_x = log_likelihoods(vae, x, z, given)
        new = Weights.of(log_x + vae.prior.log_prob(z, given) - posterior.log_prob(z))
        weights = new if weights is None else weights.joined(new)
    assert weights is not None, "at least one sample is drawn"
    return weights.marginal
