"""The closed-form optimum of the linear Gaussian VAE: probabilistic PCA.

Letters: D elements, K latents, lambda_i eigenvalues of the data covariance (1/N) in falling order,
tau = beta * variance the effective observation variance. A direction lives iff lambda_i > tau
(Tipping and Bishop 1999; Lucas et al. 2019).
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor


class Optimum(NamedTuple):
    """The optimum: live directions, variance, KL and loss in nats, distortion E|x - xhat|^2."""

    live: int
    variance: float
    kl: float
    distortion: float
    loss: float


def eigenvalues(x: Tensor) -> Tensor:
    """Eigenvalues (D,) of the covariance of x: (N, D) with 1/N, largest first, in 64 bits."""
    centred = x.double() - x.double().mean(0)
    rising: Tensor = torch.linalg.eigvalsh(centred.T @ centred / len(x))
    return rising.flip(0).clamp(min=0.0)


def optimum(values: Tensor, latent: int, variance: float, beta: float = 1.0) -> Optimum:
    """The optimum at a fixed observation `variance`.

    KL = sum 1/2 ln(lambda_i / tau), distortion = k tau + sum_{i > k} lambda_i over the k live
    directions; loss = distortion / (2 variance) + D/2 ln(2 pi variance) + beta KL.
    """
    tau = beta * variance
    live = int((values[:latent] > tau).sum())
    kl = 0.5 * float(torch.log(values[:live] / tau).sum())
    distortion = live * tau + float(values[live:].sum())
    constant = 0.5 * len(values) * math.log(2 * math.pi * variance)
    return Optimum(
        live, variance, kl, distortion, distortion / (2 * variance) + constant + beta * kl
    )


def learned_optimum(values: Tensor, latent: int, beta: float = 1.0) -> Optimum:
    """The optimum with a learned shared variance: sum_{i > k} lambda_i / (D - beta k).

    k is self-consistent: lambda_k > beta * variance >= lambda_{k+1}, or k = K. At beta 1 the
    variance is the mean discarded eigenvalue. Raises ValueError when no k is consistent.
    """
    for live in range(min(latent, len(values)), -1, -1):
        room = len(values) - beta * live
        if room <= 0:
            continue
        variance = float(values[live:].sum()) / room
        lives = live == 0 or float(values[live - 1]) > beta * variance
        if lives and (live == latent or float(values[live]) <= beta * variance):
            return optimum(values, live, variance, beta)
    raise ValueError("no number of live directions is consistent with these eigenvalues")


def log_likelihood(values: Tensor, latent: int) -> float:
    """The pPCA log-likelihood at the maximum-likelihood variance, mean nats per sample.

    -1/2 [D ln 2 pi + sum_{i <= K} ln lambda_i + (D - K) ln variance + D]
    """
    dimensions = len(values)
    variance = float(values[latent:].mean())
    logs = float(torch.log(values[:latent]).sum()) + (dimensions - latent) * math.log(variance)
    return -0.5 * (dimensions * math.log(2 * math.pi) + logs + dimensions)
