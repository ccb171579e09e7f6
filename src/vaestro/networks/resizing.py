"""What changes a grid and has no weights: padding, upsampling, cropping, pooling.

All of them work in 1, 2 and 3 dimensions and have a deterministic gradient on every device; torch's
own reflecting pads, linear interpolation and 3-D pools have none on CUDA.
Shape letters: B batch, C channels, * spatial axes, n the length of one of them.
"""

from typing import Literal

import torch
from torch import Tensor, nn

PaddingMode = Literal["zeros", "reflect", "replicate"]
UpsampleMode = Literal["nearest", "linear"]
PoolMode = Literal["average", "max"]
Axes = tuple[int, ...]


class Pad(nn.Module):
    """(B, C, *) with `before` and `after` more elements along each axis.

    reflect: mirrored at the end elements, which are not repeated (3 2 | 1 2 3 | 2 1); replicate:
    the end elements again. Reflecting needs an axis longer than what it adds at either end.
    """

    def __init__(self, mode: PaddingMode, before: Axes, after: Axes) -> None:
        super().__init__()
        self.mode, self.before, self.after = mode, before, after

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, *) -> (B, C, *')."""
        for axis, (before, after) in enumerate(zip(self.before, self.after, strict=True), start=2):
            ends = [_end(x, axis, before, self.mode), x]
            ends.append(_end(x.flip(axis), axis, after, self.mode).flip(axis))
            x = torch.cat(ends, dim=axis)
        return x


def _end(x: Tensor, axis: int, count: int, mode: PaddingMode) -> Tensor:
    """The `count` elements that stand before the first one."""
    shape = [count if place == axis else size for place, size in enumerate(x.shape)]
    match mode:
        case "zeros":
            return x.new_zeros(shape)
        case "replicate":
            return x.narrow(axis, 0, 1).expand(shape)
        case "reflect":
            return x.narrow(axis, 1, count).flip(axis)


class Upsample(nn.Module):
    """(B, C, *) of `old` sizes -> (B, C, *) of `new` ones.

    nearest: element i comes from floor(i n / n'); linear: between the two nearest of the places
    (i + 1/2) n / n' - 1/2, the ends held (torch's align_corners=False), one axis after the other.
    """

    def __init__(self, mode: UpsampleMode, old: Axes, new: Axes) -> None:
        super().__init__()
        self.mode, self.new = mode, new
        for axis, (a, b) in enumerate(zip(old, new, strict=True)):
            if mode == "linear":
                rows = nn.functional.interpolate(torch.eye(a)[None], size=b, mode="linear")[0]
                self.register_buffer(f"weights_{axis}", rows, persistent=False)  # (n, n')

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, *) -> (B, C, *')."""
        if self.mode == "nearest":
            return nn.functional.interpolate(x, size=self.new, mode="nearest")
        for axis in range(len(self.new)):
            weights = self.get_buffer(f"weights_{axis}")
            x = (x.transpose(axis + 2, -1) @ weights).transpose(axis + 2, -1)
        return x


class Crop(nn.Module):
    """(B, C, *) -> the middle `size` of it; of an odd surplus the larger half falls off the end."""

    def __init__(self, size: Axes) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, *) -> (B, C, *size)."""
        for axis, size in enumerate(self.size, start=2):
            x = x.narrow(axis, (x.shape[axis] - size) // 2, size)
        return x


class Pool(nn.Module):
    """(B, C, *) -> the mean or the largest of each cell of `kernel` elements.

    Cells do not overlap. Each axis becomes floor(n / kernel) long; what is over at its end is left
    out.
    """

    def __init__(self, mode: PoolMode, kernel: Axes) -> None:
        super().__init__()
        self.mode, self.kernel = mode, kernel

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, *) -> (B, C, *')."""
        for axis, kernel in enumerate(self.kernel, start=2):
            cells = x.shape[axis] // kernel
            split = x.narrow(axis, 0, cells * kernel).unflatten(axis, (cells, kernel))
            x = split.mean(axis + 1) if self.mode == "average" else split.amax(axis + 1)
        return x
