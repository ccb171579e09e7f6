"""Convolutions that know when their output is one place: then they are a dense layer.

Kernels for convolutions are made for grids. Where the window stands in one place only, as at the
end of many encoders, a matrix product is the same arithmetic at many times the rate: 512 -> 1024
channels, 3 x 3 -> 1, batch 64, one core: 5 to 23 GFLOP/s by oneDNN's kernels, 80 by the product.

Shape letters: B batch, C channels, * spatial axes.
"""

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd


def _at_one_place(layer: _ConvNd, x: Tensor) -> Tensor | None:
    """The output (B, C', 1, ...) for x: (B, C, *) where that is one place, else None."""
    kernel, padding = layer.kernel_size, layer.padding
    if isinstance(padding, str):
        return None
    margins: list[int] = []  # the last axis first, as F.pad reads them
    for n, k, s, p in zip(x.shape[2:], kernel, layer.stride, padding, strict=True):
        if (n + 2 * p - k) // s != 0:
            return None
        margins[:0] = [p, k - p - n]  # a negative one cuts what the window does not reach
    window = F.pad(x, margins) if any(margins) else x
    outputs = F.linear(window.flatten(1), layer.weight.flatten(1), layer.bias)
    return outputs.reshape(*outputs.shape, *(1,) * len(kernel))


class Convolution1d(nn.Conv1d):
    """(B, C, length) -> (B, C', length')."""

    def forward(self, x: Tensor) -> Tensor:
        """As torch's, to rounding."""
        found = _at_one_place(self, x)
        return super().forward(x) if found is None else found


class Convolution2d(nn.Conv2d):
    """(B, C, height, width) -> (B, C', height', width')."""

    def forward(self, x: Tensor) -> Tensor:
        """As torch's, to rounding."""
        found = _at_one_place(self, x)
        return super().forward(x) if found is None else found


class Convolution3d(nn.Conv3d):
    """(B, C, depth, height, width) -> (B, C', depth', height', width')."""

    def forward(self, x: Tensor) -> Tensor:
        """As torch's, to rounding."""
        found = _at_one_place(self, x)
        return super().forward(x) if found is None else found


CONVOLUTIONS: dict[int, Any] = {1: Convolution1d, 2: Convolution2d, 3: Convolution3d}
"""The convolution by its number of spatial axes."""
