"""One Gaussian on the aggregate posterior, in closed form.

Shape letters: N samples, K latents, V covariates, D = V + K.
"""

import torch
from torch import Tensor

from vaestro.generation.priors.groups import Fitted, Grouped, by_label
from vaestro.generation.priors.latents import Latents, Told

JITTER = 1e-6
"""Added to a covariance, relative to its mean variance: points on a plane have a density too."""


def fit_gaussian(latents: Latents, told: Told) -> Grouped:
    """The Gaussian nearest to q(z) in KL(q(z) || p): its mean and covariance.

    Of q(z) = mean_n N(m_n, diag v_n) both are known without a draw: mean m_n and
    Cov(m_n) + diag(mean v_n), by the law of total variance.
    """
    return by_label(latents, told, _fit)


def _fit(latents: Latents, covariates: Tensor) -> Fitted:
    known = torch.cat([covariates, latents.mean], 1).double()
    mean = known.mean(0)
    covariance = (known - mean).T @ (known - mean) / len(known)
    if latents.log_variance is not None:
        own = latents.log_variance.double().exp().mean(0)
        covariance.diagonal()[covariates.shape[1] :] += own
    covariance.diagonal().add_(JITTER * covariance.diagonal().mean().clamp(min=1e-12))
    factor = torch.linalg.cholesky(covariance)
    return Fitted(torch.ones(1, dtype=torch.float64), mean[None], factor[None])
