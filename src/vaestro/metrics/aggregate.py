"""The aggregate posterior q(z) = mean_n q(z|x_n): what z tells of x, and how far q(z) is from p.

Mean KL = mutual information + KL(q(z) || p(z)) (Hoffman and Johnson 2016, "ELBO surgery"), and for
a prior of independent dimensions the latter is the total correlation + sum_k KL(q(z_k) || p(z_k))
(Chen et al. 2018, eq. 2).
Shape letters: N samples, K latents.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

HELD = 5_000_000
"""So many densities are held at once, which bounds the memory."""


class Surgery(NamedTuple):
    """Both parts of the mean KL in nats; `cap` = ln N bounds the first estimate from above."""

    mutual_information: float
    prior_mismatch: float
    cap: float


class Dimensions(NamedTuple):
    """Of each latent dimension I(x; z_k) and, against N(0, 1), KL(q(z_k) || p(z_k)), (K,) in nats;
    the total correlation KL(q(z) || prod_k q(z_k)) of all of them."""

    mutual_information: Tensor
    marginal_kl: Tensor
    total_correlation: float


def surgery(mean: Tensor, log_variance: Tensor, z: Tensor, log_prior: Tensor) -> Surgery:
    """Split the KL for posteriors N(mean, exp(log_variance)), one draw z of each, all (N, K).

    `log_prior` (N,) is log p(z). q(z) is the mixture over all N posteriors, so the estimate of the
    mutual information cannot exceed ln N. 64 bits; cost N^2 K, a few draws at a time.
    """
    mean, log_variance, z = mean.double(), log_variance.double(), z.double()
    own = _log_normal(z, mean, log_variance).sum(-1)
    mixed = _log_mixture(mean, log_variance, z)
    information = float((own - mixed).mean())
    mismatch = float((mixed - log_prior.double()).mean())
    return Surgery(information, mismatch, math.log(len(z)))


def dimensions(mean: Tensor, log_variance: Tensor, z: Tensor) -> Dimensions:
    """The same for each dimension by itself, with the mixture over all N as q.

    The total correlation is the minibatch-weighted estimate of Chen et al. 2018 with all N samples
    as the minibatch. Where z knows x better than ln N nats say, it is too large, as the prior
    mismatch is, by up to what the mutual information misses; one dimension seldom comes so far.
    64 bits; cost N^2 K.
    """
    mean, log_variance, z = mean.double(), log_variance.double(), z.double()
    alone = torch.cat(
        [torch.logsumexp(_log_normal(part[:, None], mean, log_variance), 1) for part in _parts(z)]
    ) - math.log(len(z))
    own = _log_normal(z, mean, log_variance)
    prior = -0.5 * (z.square() + math.log(2 * math.pi))
    mixed = _log_mixture(mean, log_variance, z)
    return Dimensions(
        (own - alone).mean(0), (alone - prior).mean(0), float((mixed - alone.sum(1)).mean())
    )


def gaussian_total_correlation(mean: Tensor, log_variance: Tensor) -> float | None:
    """The total correlation in nats of the Gaussian with the moments of q(z): -1/2 ln det R.

    R is the correlation of q(z), whose covariance is Cov(mean) + diag(mean variance); mean and
    log_variance: (N, K). Exact where q(z) is Gaussian, too small by what is not linear otherwise.
    None where a dimension does not vary.
    """
    centred = mean.double() - mean.double().mean(0)
    spread = torch.exp(log_variance.double()).mean(0)
    covariance = centred.T @ centred / len(mean) + torch.diag(spread)
    scale = covariance.diagonal().sqrt()
    if not bool((scale > 0).all()):
        return None
    correlation = covariance / scale[:, None] / scale
    return max(0.0, -0.5 * float(torch.linalg.slogdet(correlation).logabsdet))


def _log_mixture(mean: Tensor, log_variance: Tensor, z: Tensor) -> Tensor:
    """log q(z) of each draw, (N,)."""
    densities = (_log_normal(part[:, None], mean, log_variance).sum(-1) for part in _parts(z))
    return torch.cat([torch.logsumexp(one, 1) for one in densities]) - math.log(len(z))


def _parts(z: Tensor) -> tuple[Tensor, ...]:
    """Draws (N, K), so many at a time as are compared with all N at once."""
    parts: tuple[Tensor, ...] = z.split(max(1, HELD // z.numel()))
    return parts


def _log_normal(z: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """log N(z; mean, exp(log_variance)) of each dimension."""
    squared = (z - mean).square() * torch.exp(-log_variance)
    return -0.5 * (squared + log_variance + math.log(2 * math.pi))
