"""Leading eigenvalues and eigenvectors of the training covariance, by a dense eigenproblem.

Shape letters: N samples, B batch, D elements, k components.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from vaestro.transforms.moments import Batches, Moments, centred

Wanted = int | float
"""How many components: a whole number of them, or the share of the variance that they reach."""

SHARE_ROUNDING = 1e-12
"""A share counts as reached when it is missed by no more than sums in 64 bits round off."""

COLUMNS = 8192
"""How many elements of all held samples are widened to 64 bits at once."""


class Spectrum(NamedTuple):
    """values: (k,) eigenvalues of the covariance (1/N), largest first; vectors: (D, k)
    orthonormal eigenvectors, the entry of largest size of each positive; 64 bits."""

    values: Tensor
    vectors: Tensor


def needed(values: Tensor, total: float, wanted: Wanted) -> int | None:
    """How many of the leading `values` are `wanted`; None where all of them do not suffice."""
    if isinstance(wanted, int):
        return wanted if wanted <= len(values) else None
    reached = (values.cumsum(0) >= wanted * total * (1 - SHARE_ROUNDING)).nonzero()
    return int(reached[0]) + 1 if len(reached) else None


def from_covariance(batches: Batches, moments: Moments, wanted: Wanted) -> Spectrum:
    """From C = sum x x^T / N of the centred samples, (D, D), in 64 bits."""
    elements = moments.mean.numel()
    covariance = moments.mean.new_zeros(elements, elements)
    for x in centred(batches, moments.mean, torch.float64):
        covariance.addmm_(x.T, x)
    values, vectors = torch.linalg.eigh(covariance / moments.samples)
    return leading(values, vectors, moments, wanted)


def from_inner_products(batches: Batches, moments: Moments, wanted: Wanted) -> Spectrum:
    """From G = X X^T / N, (N, N), of the centred samples X (N, D), which are held in memory.

    G has the eigenvalues of the covariance that are not 0; its eigenvectors u give V = X^T u / |.|.
    V is made orthonormal again, which also completes directions in which nothing varies.
    """
    held = torch.cat(list(centred(batches, moments.mean)))
    products = moments.mean.new_zeros(len(held), len(held))
    for columns in held.split(COLUMNS, dim=1):
        wide = columns.double()
        products.addmm_(wide, wide.T)
    values, inner = torch.linalg.eigh(products / moments.samples)
    found = leading(values, inner, moments, wanted)
    back = [columns.double().T @ found.vectors for columns in held.split(COLUMNS, dim=1)]
    return Spectrum(found.values, signed(orthonormal(torch.cat(back))))


def leading(rising: Tensor, vectors: Tensor, moments: Moments, wanted: Wanted) -> Spectrum:
    """The wanted ones of an eigenproblem's results, whose values come in rising order."""
    values = rising.flip(0).clamp(min=0)
    count = needed(values, float(moments.variance.sum()), wanted)
    count = len(values) if count is None else count
    return Spectrum(values[:count], signed(vectors.flip(1)[:, :count]))


def orthonormal(columns: Tensor) -> Tensor:
    """An orthonormal basis (D, k) whose first i columns span the first i `columns` (D, k)."""
    basis: Tensor = torch.linalg.qr(columns).Q
    return basis


def signed(vectors: Tensor) -> Tensor:
    """Each column with the sign that makes its entry of largest size positive."""
    largest = vectors.abs().argmax(0, keepdim=True)
    return vectors * torch.where(vectors.gather(0, largest) < 0, -1.0, 1.0)
