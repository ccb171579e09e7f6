"""The aggregate posterior q(z) = mean_n q(z|x_n): what z tells of x, and how far q(z) is from p.

Mean KL = mutual information + KL(q(z) || p(z)) (Hoffman and Johnson 2016, "ELBO surgery").
Shape letters: N samples, K latents.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor


class Surgery(NamedTuple):
    """Both parts of the mean KL in nats; `cap` = ln N bounds the first estimate from above."""

    mutual_information: float
    prior_mismatch: float
    cap: float


def surgery(
    mean: Tensor, log_variance: Tensor, z: Tensor, log_prior: Tensor, rows: int = 256
) -> Surgery:
    """Split the KL for posteriors N(mean, exp(log_variance)), one draw z of each, all (N, K).

    `log_prior` (N,) is log p(z). q(z) is the mixture over all N posteriors, so the estimate of the
    mutual information cannot exceed ln N. Computed `rows` draws at a time in 64 bits.
    """
    mean, log_variance, z = mean.double(), log_variance.double(), z.double()
    own = _log_normal(z, mean, log_variance)
    mixed = torch.cat(
        [
            torch.logsumexp(_log_normal(part[:, None], mean, log_variance), 1)
            for part in z.split(rows)
        ]
    ) - math.log(len(z))
    information = float((own - mixed).mean())
    mismatch = float((mixed - log_prior.double()).mean())
    return Surgery(information, mismatch, math.log(len(z)))


def _log_normal(z: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    squared = (z - mean).square() * torch.exp(-log_variance)
    return -0.5 * (squared + log_variance + math.log(2 * math.pi)).sum(-1)
