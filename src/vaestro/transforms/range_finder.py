"""A randomised range finder: the leading eigenvectors of a covariance too large to form.

Halko, Martinsson and Tropp 2011, "Finding structure with randomness", algorithms 4.4 (subspace
iteration) and 5.3 (eigenvalues within the subspace), with every product a pass over the batches.

Shape letters: B batch, D elements, L width of the subspace, k components.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from vaestro.foundation.randomness import Stream, generator
from vaestro.transforms.moments import Batches, Moments, centred
from vaestro.transforms.spectrum import Spectrum, Wanted, leading, needed, orthonormal, signed

OVERSAMPLING = 0.1
LEAST_OVERSAMPLING = 16
"""The subspace is wider than the components by this share, and by this number at least."""

FIRST_WIDTH = 256
"""How wide the subspace starts when the number of components is to be found."""

CLOSE = 1e-4
"""The iteration ends when a pass raises the variance in the subspace by less than this share."""

MOST_PASSES = 16
"""Only noise without any leading directions needs as many, counted from the last growth."""


class Step(NamedTuple):
    """rotated: Q^T C Q (L, L); image: C Q (D, L); of a subspace Q (D, L) and covariance C."""

    rotated: Tensor
    image: Tensor


def randomised(batches: Batches, moments: Moments, wanted: Wanted) -> Spectrum:
    """The wanted leading part of the spectrum, from a subspace that is iterated and grown.

    The subspace is multiplied by the covariance until the variance in it settles, and doubled
    while that is less than the wanted share. Half the least eigenvalue within it is taken off the
    covariance each time: what lies outside, between 0 and that eigenvalue, is then at most half of
    it in size, and fades about twice as fast (the dynamic shift of Feng, Yu, Xie and Tang 2024). A
    subspace with new random columns is not shifted, so that it leaves what does not vary.

    The products are in the batches' own type, their sums in 64 bits. The eigenvalues are taken in a
    last pass in 64 bits: they are the variances along the directions that are returned, whether
    these are quite the best or not.
    """
    total, most = float(moments.variance.sum()), min(moments.samples - 1, moments.mean.numel())
    basis = orthonormal(_random(moments.mean, _first_width(wanted, most)))
    passes, before = 0, 0.0
    while passes < MOST_PASSES:
        step = _multiplied(batches, moments, basis)
        values, inner = torch.linalg.eigh(step.rotated)
        shift = 0.5 * float(values[0]) if passes else 0.0
        image = (step.image - shift * basis) @ inner.flip(1)
        width, within = len(values), float(values.sum())
        if passes and width < most and needed(values.flip(0), total, wanted) is None:
            further = _random(moments.mean, min(width, most - width))
            passes, image = 0, torch.cat([image, further], 1)
        else:
            passes += 1
        basis = orthonormal(image)
        if passes > 1 and within - before <= CLOSE * within:
            break
        before = within
    return _within(batches, moments, basis, wanted)


def _first_width(wanted: Wanted, most: int) -> int:
    if isinstance(wanted, float):
        return min(FIRST_WIDTH, most)
    return min(wanted + max(LEAST_OVERSAMPLING, int(OVERSAMPLING * wanted)), most)


def _random(like: Tensor, width: int) -> Tensor:
    """Standard normal columns (D, width), the same on every device."""
    source = generator(0, Stream.INITIALISATION, width)
    drawn = torch.randn(like.numel(), width, generator=source, dtype=torch.float64)
    return drawn.to(like.device)


def _multiplied(batches: Batches, moments: Moments, basis: Tensor) -> Step:
    """One pass: the covariance times the subspace, and within it."""
    width = basis.shape[1]
    rotated, image = basis.new_zeros(width, width), torch.zeros_like(basis)
    narrow: Tensor | None = None
    for x in centred(batches, moments.mean):
        narrow = basis.to(x.dtype) if narrow is None else narrow
        y = x @ narrow
        rotated += y.T @ y
        image += x.T @ y
    return Step(rotated / moments.samples, image / moments.samples)


def _within(batches: Batches, moments: Moments, basis: Tensor, wanted: Wanted) -> Spectrum:
    """The eigenvalues and eigenvectors of the covariance within the subspace, in 64 bits."""
    rotated = basis.new_zeros(basis.shape[1], basis.shape[1])
    for x in centred(batches, moments.mean, torch.float64):
        y = x @ basis
        rotated.addmm_(y.T, y)
    values, inner = torch.linalg.eigh(rotated / moments.samples)
    found = leading(values, inner, moments, wanted)
    return Spectrum(found.values, signed(basis @ found.vectors))
