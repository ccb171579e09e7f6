"""How near reconstructions through the posterior mean come: squared error, PSNR and SSIM.

Shape letters: N samples, * the sample's axes.
"""

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from vaestro.evaluation.judge import evenly
from vaestro.foundation.samples import Batch, SampleSpec
from vaestro.metrics.atoms import atom_counts
from vaestro.metrics.pictures import psnr, ssim
from vaestro.metrics.window import Window, window_for
from vaestro.models.vae import VAE
from vaestro.transforms.moments import measure

WORK = 5e9
"""Structural similarity is measured on at most so many places times places of the window."""


class Reconstruction(NamedTuple):
    """squared_error: (N,) per element in natural units; variance: the mean over elements of the
    split's own variance; and for images and volumes, else None: psnr (N,) in decibels,
    ssim (some,), the data range of both and the window of the latter; of volumes that show atoms
    atom_error (N,): by how many a copy's channels differ from its original's, summed over them."""

    squared_error: Tensor
    variance: float
    psnr: Tensor | None = None
    ssim: Tensor | None = None
    data_range: float | None = None
    window: Window | None = None
    atom_error: Tensor | None = None


class _Extent(NamedTuple):
    """How many samples, their mean variance, the least and the greatest number."""

    samples: int
    variance: float
    least: float
    most: float


@torch.inference_mode()
def reconstruction(
    vae: VAE, batches: Callable[[], Iterable[Batch]], spec: SampleSpec | None
) -> Reconstruction:
    """Two passes over the split. `spec`: that of natural samples; without it they are no pictures.

    The data range is 1 for binary and grey values, the distance of the extreme levels for
    quantised ones, else what this split spans.
    """
    extent = _extent(batches)
    shown = spec if spec is not None and spec.domain in ("image", "volume") else None
    reach = None if shown is None else _data_range(shown, extent)
    window = None if shown is None or reach is None else window_for(shown.shape[1:])
    share = 0.0
    if shown is not None and window is not None:
        share = _share(extent.samples, shown.shape, window)
    errors, similar, atoms = [], [], []
    for batch in batches():
        truth = batch.truth
        copy = vae.generate(vae.encode(batch.x, batch.given).mean, batch.given)
        errors.append((truth - copy).square().flatten(1).double().mean(1).cpu())
        if window is not None and reach is not None:
            rows = evenly(len(truth), math.ceil(share * len(truth))).to(truth.device)
            similar.append(ssim(copy[rows], truth[rows], reach, window).cpu())
        if shown is not None and shown.atom is not None:
            missed = atom_counts(copy, shown.atom) - atom_counts(truth, shown.atom)
            atoms.append(missed.abs().sum(1).cpu())
    squared = torch.cat(errors)
    return Reconstruction(
        squared,
        extent.variance,
        psnr(squared, reach) if reach else None,
        torch.cat(similar) if similar else None,
        reach,
        window,
        torch.cat(atoms) if atoms else None,
    )


def _share(count: int, shape: tuple[int, ...], window: Window) -> float:
    """Which share of samples of this shape (C, *) structural similarity can look at."""
    each = math.prod(shape) * window.size ** (len(shape) - 1)
    return float(min(1.0, WORK / each / count))


def _extent(batches: Callable[[], Iterable[Batch]]) -> _Extent:
    ends = [math.inf, -math.inf]

    def seen() -> Iterable[Tensor]:
        for batch in batches():
            x = batch.truth
            ends[:] = [min(ends[0], float(x.min())), max(ends[1], float(x.max()))]
            yield x

    moments = measure(seen)
    return _Extent(moments.samples, float(moments.variance.mean()), ends[0], ends[1])


def _data_range(spec: SampleSpec, extent: _Extent) -> float | None:
    if spec.values in ("binary", "unit"):
        return 1.0
    if spec.levels is not None:
        return (spec.levels - 1) * spec.scale
    spanned = extent.most - extent.least
    return spanned if spanned > 0 else None
