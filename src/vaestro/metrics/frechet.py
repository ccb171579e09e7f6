"""The Fréchet distance of two sets of features, as if both were Gaussian.

Shape letters: N features of one set, M of the other, D numbers each.
"""

import torch
from torch import Tensor

from vaestro.foundation.errors import DataError


def frechet_distance(one: Tensor, other: Tensor) -> float:
    """|m - m'|^2 + tr C + tr C' - 2 tr (C C')^1/2 of features (N, D) and (M, D), in 64 bits.

    m and C are mean and covariance with 1/(N - 1). Dowson and Landau 1982; on Inception's features
    this is the FID of Heusel et al. 2017, which no other features give. It is the squared
    2-Wasserstein distance of two Gaussians, at least 0, and blind to whatever else differs. Its
    expectation is too large by about c/N (Chong and Forsyth 2020): compare equal N only, and read
    it beside the distance of two sets of real samples of that size. Cost: the cube of the smaller
    of D and min(N, M). Raises DataError for a set of fewer than two.
    """
    _require(one, other)
    one, other = one.double(), other.double()
    shift = (one.mean(0) - other.mean(0)).square().sum()
    roots = [_spread(features) for features in (one, other)]
    own = sum(root.square().sum() for root in roots)
    return float((shift + own - 2 * _root_trace(*roots)).clamp(min=0))


def frechet_of_gaussians(mean: Tensor, cov: Tensor, mean_other: Tensor, cov_other: Tensor) -> float:
    """The same of N(mean, cov) and N(mean_other, cov_other); means (D,), covariances (D, D)."""
    values, vectors = torch.linalg.eigh(cov.double())
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    product = torch.linalg.eigvalsh(root @ cov_other.double() @ root).clamp(min=0)
    shift = (mean.double() - mean_other.double()).square().sum()
    own = torch.trace(cov.double()) + torch.trace(cov_other.double())
    return float((shift + own - 2 * product.sqrt().sum()).clamp(min=0))


def _spread(features: Tensor) -> Tensor:
    """A (N, D) with A^T A = C, the covariance of features (N, D); (D, D) where N is larger."""
    centred: Tensor = (features - features.mean(0)) / (len(features) - 1) ** 0.5
    if len(centred) <= centred.shape[1]:
        return centred
    root: Tensor = torch.linalg.qr(centred, mode="r").R
    return root


def _root_trace(one: Tensor, other: Tensor) -> Tensor:
    """tr (A^T A B^T B)^1/2, which is the sum of the singular values of A B^T."""
    values: Tensor = torch.linalg.svdvals(one @ other.T)
    return values.sum()


def _require(one: Tensor, other: Tensor) -> None:
    if min(len(one), len(other)) < 2:
        raise DataError(
            f"sets of {len(one)} and {len(other)} features have no covariance; give two or more"
        )
