"""The posteriors of a whole split. Shape letters: N samples, K latents."""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from vaestro.foundation.randomness import Stream, generator
from vaestro.foundation.samples import Batch, Given
from vaestro.models.vae import VAE
from vaestro.probability.posterior import Posterior


class Encoded(NamedTuple):
    """Posterior means and log-variances (N, K), the latter None for a point; KL (N, K); what the
    samples are conditioned on: labels (N,) and covariates (N, V), or None."""

    mean: Tensor
    log_variance: Tensor | None
    kl: Tensor
    given: Given

    @property
    def labels(self) -> Tensor | None:
        """The labels (N,), or None."""
        return self.given.label

    @property
    def covariates(self) -> Tensor | None:
        """The covariates (N, V) that the model reads, or None."""
        return self.given.covariates


@torch.inference_mode()
def encode_split(vae: VAE, batches: Iterable[Batch]) -> Encoded:
    """Encode every batch of model-space samples; results on the CPU. `vae` is in eval mode."""
    posteriors: list[Posterior] = []
    divergences, conditions = [], []
    for number, batch in enumerate(batches):
        posterior = vae.encode(batch.x, batch.given)
        random = generator(0, Stream.EVALUATION, number, device=batch.x.device)
        noise = torch.randn(
            posterior.mean.shape, generator=random, device=batch.x.device, dtype=batch.x.dtype
        )
        z = posterior.sample(noise)  # for priors whose divergence is estimated
        divergences.append(vae.prior.divergence(posterior, z, batch.given, noise).cpu())
        posteriors.append(posterior)
        conditions.append(batch.given.on("cpu"))
    spreads = [p.log_variance.cpu() for p in posteriors if p.log_variance is not None]
    return Encoded(
        torch.cat([p.mean.cpu() for p in posteriors]),
        torch.cat(spreads) if spreads else None,
        torch.cat(divergences),
        Given.joined(conditions),
    )
