"""What annealed importance sampling finds for some samples of a split. Letters: B batch."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from vaestro.evaluation.annealed import CHAINS, annealed_log_prob
from vaestro.evaluation.averages import averaged, combined
from vaestro.evaluation.likelihood import importance_weighted
from vaestro.evaluation.settings import Settings
from vaestro.foundation.randomness import Stream, generator
from vaestro.foundation.samples import Batch
from vaestro.models.vae import VAE

MOST = 100
"""Samples that are annealed: one costs some thousand passes through the decoder."""


def annealed_figures(vae: VAE, batches: Iterable[Batch], settings: Settings) -> dict[str, Any]:
    """The NLL of the first 100 samples both ways, in nats: {"nll", "nll_standard_error",
    "monte_carlo_error", "importance_nll", "distributions", "chains", "accepted", "start", "n"}.

    Where the annealed NLL lies well below the importance-weighted one of the same samples, the
    posterior misses where p(z|x) is, and the record's nll is a loose bound.
    """
    nll, variance, weighted, accepted = [], [], [], []
    left = MOST
    for number, batch in enumerate(batches):
        some = batch.rows(0, min(left, len(batch.x)))
        random = generator(settings.seed, Stream.EVALUATION, 5, number, device=batch.x.device)
        found = annealed_log_prob(vae, some, settings.ais, random)
        nll.append(-found.log_prob.cpu())
        variance.append(found.variance.cpu())
        accepted.append(found.accepted)
        if vae.head.stochastic:
            weighted.append(_weighted(vae, some, settings.samples, random))
        left -= len(some.x)
        if left <= 0:
            break
    values = torch.cat(nll)
    return {
        **averaged("nll", values),
        "monte_carlo_error": combined(torch.cat(variance)),
        "importance_nll": float(torch.cat(weighted).mean()) if weighted else None,
        "distributions": settings.ais,
        "chains": CHAINS,
        "accepted": sum(accepted) / len(accepted),
        "start": "posterior, twice its variance" if vae.head.stochastic else "standard normal",
        "n": len(values),
    }


@torch.no_grad()
def _weighted(vae: VAE, batch: Batch, samples: int, random: torch.Generator) -> Tensor:
    found = importance_weighted(vae, batch, samples, random).log_prob
    return -(found + torch.as_tensor(vae.beside(batch))).cpu()
