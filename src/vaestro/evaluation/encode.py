"""The posteriors of a whole split. Shape letters: N samples, K latents."""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from vaestro.foundation.samples import Batch
from vaestro.models.vae import VAE
from vaestro.probability.posterior import Posterior


class Encoded(NamedTuple):
    """Posterior means and log-variances (N, K) (the latter None for a point), KL (N, K), labels."""

    mean: Tensor
    log_variance: Tensor | None
    kl: Tensor
    labels: Tensor | None


@torch.inference_mode()
def encode_split(vae: VAE, batches: Iterable[Batch]) -> Encoded:
    """Encode every batch of model-space samples; results on the CPU. `vae` is in eval mode."""
    posteriors: list[Posterior] = []
    divergences, labels = [], []
    for batch in batches:
        posterior = vae.encode(batch.x)
        divergences.append(vae.prior.divergence(posterior, posterior.mean).cpu())
        posteriors.append(posterior)
        if batch.label is not None:
            labels.append(batch.label.cpu())
    spreads = [p.log_variance.cpu() for p in posteriors if p.log_variance is not None]
    return Encoded(
        torch.cat([p.mean.cpu() for p in posteriors]),
        torch.cat(spreads) if spreads else None,
        torch.cat(divergences),
        torch.cat(labels) if labels else None,
    )
