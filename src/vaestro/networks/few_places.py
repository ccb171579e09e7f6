"""Transposed convolutions that know when their input is a few places of many channels.

oneDNN's kernels seem to lay the weights out anew at every call, 19 MB of them for 1024 -> 512
channels by 3 x 3, and where few places pass them that is a good part of the work. A matrix product
takes them as they stand: one core, batch 64, milliseconds of forward and backward pass,

    1024 -> 512 from 4 x 4 to 7 x 7   451 -> 355 in fp32, 325 -> 176 in bf16
     512 -> 512 from 3 x 3 to 6 x 6   111 -> 104 in fp32,  89 ->  59 in bf16
     512 -> 256 from 4 x 4 to 8 x 8    82 ->  94 in fp32,  53 ->  53 in bf16

and on larger grids the kernels are faster. Shape letters: B batch, C channels, L places of the
input, k places of the window.
"""

from math import prod
from typing import Any, cast

import torch.nn.functional as F
from torch import Tensor, nn

MOST_PLACES, LEAST_PAIRS = 16, 2**18
"""Places of the input, and pairs of its channels with those of the output, up to and from which the
product is taken."""


class Transposed2d(nn.ConvTranspose2d):
    """(B, C, height, width) -> (B, C', height', width')."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """As torch's, to rounding."""
        few = prod(x.shape[2:]) <= MOST_PLACES and x.device.type == "cpu"
        many = self.in_channels * self.out_channels >= LEAST_PAIRS
        plain = self.groups == 1 and self.dilation == (1, 1) and output_size is None
        return self._product(x) if few and many and plain else super().forward(x, output_size)

    def _product(self, x: Tensor) -> Tensor:
        """What each place gives to each place of its window, (B, C' k, L), added up."""
        places = x.flatten(2).transpose(1, 2)  # (B, L, C)
        given = places.reshape(-1, self.in_channels) @ self.weight.flatten(1)
        given = given.reshape(*places.shape[:2], -1).transpose(1, 2)
        kernel, stride, padding = self.kernel_size, self.stride, cast(tuple[int, ...], self.padding)
        sizes = zip(x.shape[2:], kernel, stride, padding, self.output_padding, strict=True)
        grid = tuple((n - 1) * s - 2 * p + k + beyond for n, k, s, p, beyond in sizes)
        outputs = F.fold(given, grid, kernel, padding=padding, stride=stride)
        return outputs if self.bias is None else outputs + self.bias[:, None, None]


TRANSPOSED: dict[int, Any] = {1: nn.ConvTranspose1d, 2: Transposed2d, 3: nn.ConvTranspose3d}
"""The transposed convolution by its number of spatial axes."""
