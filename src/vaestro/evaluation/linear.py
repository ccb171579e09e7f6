"""The linear code that a model has to beat: principal components of training samples.

Shape letters: N samples, D elements, K latents.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from vaestro.transforms.moments import measure
from vaestro.transforms.spectrum import from_covariance, from_inner_products

MOST_INNER = 2000
"""More rows than this are not compared with each other; then D is the smaller side."""


class Linear(NamedTuple):
    """mean (D,), the K largest eigenvalues (K,) and their vectors (D, K), and the mean of all other
    eigenvalues; 64 bits."""

    mean: Tensor
    values: Tensor
    vectors: Tensor
    variance: float

    def squared_error(self, x: Tensor) -> Tensor:
        """(N,): the mean over elements of x: (N, D) of (x - xhat)^2, xhat its projection."""
        centred = x.double() - self.mean
        missed = centred.square().sum(1) - (centred @ self.vectors).square().sum(1)
        return missed.clamp(min=0) / x.shape[1]

    def log_prob(self, x: Tensor) -> Tensor:
        """log density (N,) of x: (N, D) under probabilistic PCA (Tipping and Bishop 1999, eq. 5),
        nats: N(mean, U diag(values) U^T + variance (I - U U^T))."""
        centred = x.double() - self.mean
        code = (centred @ self.vectors).square()
        beyond = (centred.square().sum(1) - code.sum(1)).clamp(min=0) / self.variance
        rest = x.shape[1] - len(self.values)
        logs = float(self.values.log().sum()) + rest * math.log(self.variance)
        constant = x.shape[1] * math.log(2 * math.pi) + logs
        return -0.5 * ((code / self.values).sum(1) + beyond + constant)


def linear_code(x: Tensor, latent: int) -> Linear | None:
    """The best linear code of K = `latent` numbers, or as many as there can be, of rows x (N, D).

    Its variance is the maximum-likelihood one, the mean of the D - K eigenvalues left out. None
    where nothing is left out, or nothing varies beside the code.
    """
    elements = x.shape[1]
    rows = x
    if elements > MOST_INNER and len(x) > MOST_INNER:
        rows = x[torch.linspace(0, len(x) - 1, MOST_INNER).round().long()]
    moments = measure(lambda: [rows])
    kept = min(latent, elements - 1, len(rows) - 1)
    if kept < 1:
        return None
    fitted = from_covariance if elements <= MOST_INNER else from_inner_products
    found = fitted(lambda: [rows], moments, kept)
    left = float(moments.variance.sum() - found.values.sum()) / (elements - kept)
    alive = bool((found.values > 0).all())
    if not left > 1e-12 * float(moments.variance.max()) or not alive:
        return None
    return Linear(moments.mean, found.values, found.vectors, left)
