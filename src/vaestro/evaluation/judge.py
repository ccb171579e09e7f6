"""A judge of what samples show: ridge regression on a Gaussian kernel, in closed form.

Shape letters: N rows it learns from, Q others, D numbers a row, C centres, R directions of the
kernel's space, T targets, A penalties, * a row's axes.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from vaestro.transforms.moments import measure
from vaestro.transforms.spectrum import from_inner_products

COMPONENTS = 64
CENTRES = 1200
"""On 10 000 digits of MNIST these know 96 of 100 others after three seconds; twice as many know
one more after ten."""
BASIS_ROWS = 1000
"""Rows that principal components and the kernel's width are found from."""
WIDTH = 0.5
"""The kernel's width, as a share of the median squared distance of two rows."""
PENALTIES = tuple(10.0**power for power in range(-5, 3))
LEAST = 1e-10
"""Directions of the kernel's space below this share of the largest are rounding, and dropped."""


class Judge(NamedTuple):
    """Weights (R, T) on a view's features, and the targets' mean (T,)."""

    view: "View"
    weights: Tensor
    mean: Tensor
    penalty: float

    def __call__(self, x: Tensor) -> Tensor:
        """The targets (Q, T) that rows x (Q, *) show, 64 bits."""
        said: Tensor = self.view.features(x) @ self.weights + self.mean
        return said


class View:
    """How judges look at rows (N, *), fixed by those they learn from; nothing is random.

    Rows of more than 64 numbers are reduced to their first 64 principal components; with
    `own_units` those of fewer are divided by their standard deviations. Then
    k(a, b) = exp(-|a - b|^2 / w), w half the median squared distance of two rows, and by the
    Nystroem method (Williams and Seeger 2001) at most 1200 evenly spread rows are its centres.
    """

    def __init__(self, x: Tensor, own_units: bool = False) -> None:
        flat = x.flatten(1).double()
        few = evenly(len(flat), BASIS_ROWS)
        self.origin = flat[few].mean(0)
        self.directions = _directions(flat[few], own_units)
        seen = self._seen(x)
        self.centres = seen[evenly(len(seen), CENTRES)]
        self.width = WIDTH * _median_distance(seen[few])
        values, vectors = torch.linalg.eigh(self._kernel(self.centres))
        kept = values > LEAST * values[-1]
        self.map = vectors[:, kept] / values[kept].sqrt()
        self.offset = (self._kernel(seen) @ self.map).mean(0)
        raw = self.features(x)
        self.values, turn = torch.linalg.eigh(raw.T @ raw)
        self.values = self.values.clamp(min=0)
        self.map, self.offset = self.map @ turn, self.offset @ turn
        self.learnt = raw @ turn

    def features(self, x: Tensor) -> Tensor:
        """(Q, R) of rows x (Q, *), centred over the rows of the view."""
        centred: Tensor = self._kernel(self._seen(x)) @ self.map - self.offset
        return centred

    def _seen(self, x: Tensor) -> Tensor:
        return (x.flatten(1).double() - self.origin) @ self.directions

    def _kernel(self, seen: Tensor) -> Tensor:
        squared = torch.cdist(seen, self.centres).square()
        return torch.exp(-squared / self.width)

    def judge(self, targets: Tensor) -> Judge:
        """The judge of `targets` (N, T) of the view's rows.

        Of PENALTIES it has the one with the least squared error of rows left out, one at a time:
        e_i / (1 - h_i), with the residual e_i and the leverage h_i (Allen 1974).
        """
        mean = targets.double().mean(0)
        wanted = targets.double() - mean
        projected = self.learnt.T @ wanted
        penalty = min(PENALTIES, key=lambda a: self._left_out(wanted, projected, a))
        return Judge(self, projected / (self.values + penalty)[:, None], mean, penalty)

    def _left_out(self, wanted: Tensor, projected: Tensor, penalty: float) -> float:
        shrunk = self.values + penalty
        residual = wanted - self.learnt @ (projected / shrunk[:, None])
        leverage = (self.learnt.square() / shrunk).sum(1) + 1 / len(wanted)
        return float((residual / (1 - leverage).clamp(min=1e-9)[:, None]).square().mean())


def _directions(rows: Tensor, own_units: bool) -> Tensor:
    """(D, COMPONENTS) principal directions of rows (N, D), or a diagonal (D, D) for small D."""
    if rows.shape[1] <= COMPONENTS:
        spread = rows.std(0, correction=0)
        return torch.diag(torch.where((spread > 0) & own_units, 1 / spread, 1.0))
    moments = measure(lambda: [rows])
    return from_inner_products(lambda: [rows], moments, COMPONENTS).vectors


def _median_distance(rows: Tensor) -> float:
    """The median squared distance of two different rows (N, D); 1 where that is nothing."""
    distances = torch.nn.functional.pdist(rows).square()
    median = float(distances.median()) if len(distances) else 0.0
    return median if median > 0 else 1.0


def evenly(count: int, most: int) -> Tensor:
    """At most `most` of `count` row numbers, evenly spread, first and last among them."""
    return torch.linspace(0, count - 1, min(count, most), dtype=torch.float64).round().long()
