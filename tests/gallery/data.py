"""Small data sets, each split into what is trained on and what is held out.

N training samples, M held out, D elements, P points of a curve.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor


class Split(NamedTuple):
    """`x` (N, D) and `held_out` (M, D), float32, with their labels (zeros where there are none)."""

    x: Tensor
    held_out: Tensor
    labels: Tensor
    held_out_labels: Tensor


def split(x: np.ndarray, labels: np.ndarray, share: float = 0.8) -> Split:
    """A fixed shuffle of the samples, `share` of them to train on."""
    order = np.random.default_rng(0).permutation(len(x))
    here, away = np.split(order, [int(share * len(x))])
    values, classes = torch.from_numpy(x.astype(np.float32)), torch.from_numpy(labels)
    return Split(values[here], values[away], classes[here], classes[away])


@cache
def digits() -> Split:
    """1,797 hand-written digits of 8x8 pixels, 0 to 1 (scikit-learn's load_digits / 16)."""
    held = load_digits()
    return split(held.data / 16, held.target.astype(np.int64))


@cache
def binary_digits() -> Split:
    """The digits, 1 where a pixel is above 1/2."""
    held = digits()
    return held._replace(x=(held.x > 0.5).float(), held_out=(held.held_out > 0.5).float())


@cache
def blobs(samples: int = 4000) -> Split:
    """8x8 pictures of one bright spot whose place and width vary: three factors, 0 to 1."""
    random = np.random.default_rng(1)
    place = 3.5 + 1.2 * random.standard_normal((samples, 2, 1, 1))
    width = np.exp(0.25 * random.standard_normal((samples, 1, 1)) + 0.4)
    row, column = np.mgrid[:8, :8]
    squares = (row - place[:, 0]) ** 2 + (column - place[:, 1]) ** 2
    x = np.exp(-squares / (2 * width**2)).reshape(samples, 64)
    return split(x, np.zeros(samples, dtype=np.int64))


@cache
def factors(samples: int = 4000, elements: int = 20, rank: int = 4) -> Split:
    """Gaussian data: `rank` directions of variance 9, 4, 2.25, ... in noise of variance 0.25."""
    random = np.random.default_rng(2)
    axes = np.linalg.qr(random.standard_normal((elements, rank)))[0]
    scales = np.array([3.0, 2.0, 1.5, 1.2, 1.0, 0.9])[:rank]
    x = (random.standard_normal((samples, rank)) * scales) @ axes.T
    x += 0.5 * random.standard_normal(x.shape)
    return split(x, np.zeros(samples, dtype=np.int64))


@cache
def curves(samples: int = 3000) -> Split:
    """Plane arcs of 16 points in millimetres, 32 numbers: shift, bend, length and tilt vary."""
    random = np.random.default_rng(3)
    along = np.linspace(-1, 1, 16)
    length, bend, tilt, right, up = random.standard_normal((5, samples, 1))
    arc = (60 + 8 * length) * along, 20 * bend * (1 - along**2) + 15 * tilt * along
    x = np.concatenate([arc[0] + 25 * right + 120, arc[1] + 15 * up + 90], axis=1)
    return split(x + random.standard_normal(x.shape), np.zeros(samples, dtype=np.int64))


@cache
def islands(samples: int = 4000, groups: int = 10) -> Split:
    """Ten well separated groups of 64 elements, each narrow, with a little noise."""
    random = np.random.default_rng(4)
    centres = random.uniform(0, 1, (groups, 64))
    group = random.integers(0, groups, samples)
    x = centres[group] + 0.03 * random.standard_normal((samples, 64))
    return split(x, group)


@cache
def uneven(samples: int = 4000) -> Split:
    """Three factors in twelve elements whose noise differs from element to element: 0.1 to 1."""
    random = np.random.default_rng(5)
    mixing = random.standard_normal((3, 12))
    noise = np.linspace(0.1, 1.0, 12)
    x = random.standard_normal((samples, 3)) @ mixing
    return split(x + noise * random.standard_normal(x.shape), np.zeros(samples, dtype=np.int64))
