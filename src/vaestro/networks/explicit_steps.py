"""From a written layer and the shape that arrives to a module and the shape that leaves.

Shapes exclude the batch: (F,) for a row of numbers, (C, *) for a grid.
"""

from collections.abc import Callable
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vaestro.networks.body import Shape
from vaestro.networks.explicit_layers import (
    ConvolutionLayer,
    CropLayer,
    DenseLayer,
    FlattenLayer,
    GridLayer,
    NormaliseLayer,
    PoolLayer,
    TransposedLayer,
    UpsampleLayer,
    Weighted,
)
from vaestro.networks.explicit_place import Place, shown
from vaestro.networks.few_places import TRANSPOSED
from vaestro.networks.layers import Block, normalisation
from vaestro.networks.one_place import CONVOLUTIONS
from vaestro.networks.resizing import Axes, Crop, Pad, Pool, Upsample


class Linear(NamedTuple):
    """A linear map and what must be done to its input before: padding, flattening, or nothing."""

    before: nn.Module | None
    map: nn.Module
    channels: int

    @property
    def whole(self) -> nn.Module:
        """Both as one module."""
        return self.map if self.before is None else nn.Sequential(self.before, self.map)


def linear(place: Place, channels: int) -> Linear:
    """The map of a layer with weights, with so many channels (or so large a width)."""
    layer = place.layer
    if isinstance(layer, ConvolutionLayer):
        return _convolution(place, layer, channels)
    if isinstance(layer, TransposedLayer):
        return _transposed(place, layer, channels)
    flatten = nn.Flatten(1) if len(place.shape) > 1 else None
    return Linear(flatten, nn.Linear(prod(place.shape), channels), channels)


def _convolution(place: Place, layer: ConvolutionLayer, channels: int) -> Linear:
    kernel, stride = place.axes(layer.kernel, "kernel"), place.axes(layer.stride, "stride")
    if layer.padding == "same":
        before, after = tuple((k - 1) // 2 for k in kernel), tuple(k // 2 for k in kernel)
    else:
        before = after = place.axes(layer.padding, "padding")
    padded = tuple(a + n + b for a, n, b in zip(before, place.grid, after, strict=True))
    place.within(kernel, "kernel", padded)
    place.within(stride, "stride", place.grid)
    most = max(b - n for b, n in zip(after, place.grid, strict=True))
    if layer.padding_mode == "reflect" and any(after) and most >= 0:
        raise place.fault(
            f"reflecting {shown(after)} elements at the ends needs a larger grid than "
            f"{shown(place.grid)}; give a smaller kernel or padding, or padding_mode=replicate"
        )
    inside = before == after and layer.padding_mode == "zeros"
    pad = None if inside or not any(after) else Pad(layer.padding_mode, before, after)
    make = CONVOLUTIONS[len(kernel)]
    padding = before if inside else 0
    return Linear(pad, make(place.shape[0], channels, kernel, stride, padding), channels)


def _transposed(place: Place, layer: TransposedLayer, channels: int) -> Linear:
    names = ("kernel", "stride", "padding", "output_padding")
    sizes = [place.axes(getattr(layer, name), name) for name in names]
    for n, kernel, stride, padding, beyond in zip(place.grid, *sizes, strict=True):
        if beyond >= stride:
            raise place.fault(f"output_padding={beyond} must be below stride={stride}")
        length = (n - 1) * stride - 2 * padding + kernel + beyond
        if length < 1:
            raise place.fault(
                f"padding={padding} leaves an axis of {n} only {length} elements; "
                f"give at most {(length - 1) // 2 + padding}"
            )
    make = TRANSPOSED[len(place.grid)]
    return Linear(None, make(place.shape[0], channels, *sizes), channels)


def step(place: Place, film: int) -> nn.Module:
    """The module of a hidden layer. `film`: the condition's width where FiLM brings it in, or 0."""
    match place.layer:
        case ConvolutionLayer() | TransposedLayer() | DenseLayer() as layer:
            return _block(place, layer, film)
        case UpsampleLayer() as layer:
            return Upsample(layer.mode, place.grid, _larger(place, layer))
        case CropLayer() as layer:
            size = place.axes(layer.size, "size")
            place.within(size, "size", place.grid)
            return Crop(size)
        case PoolLayer() as layer:
            kernel = place.axes(layer.kernel, "kernel")
            place.within(kernel, "kernel", place.grid)
            return Pool(layer.mode, kernel)
        case GridLayer() as layer:
            return _grid(place, layer)
        case FlattenLayer():
            return nn.Flatten(1)
        case NormaliseLayer() as layer:
            alone = normalisation(layer.normalisation, place.shape[0], len(place.shape) - 1)
            assert alone is not None, "none is no kind of normalisation here"
            return alone


def _block(place: Place, layer: Weighted, film: int) -> Block:
    channels = width(layer)
    if channels is None:
        name = "width" if isinstance(layer, DenseLayer) else "channels"
        raise place.fault(f"{name} is missing; only a decoder's last layer finds its own")
    whole = linear(place, channels).whole
    dimensions = 0 if isinstance(layer, DenseLayer) else len(place.grid)
    return Block(whole, layer.around, channels, dimensions, same_shape=False, film=film)


def width(layer: Weighted) -> int | None:
    """The channels or the width as written."""
    return layer.width if isinstance(layer, DenseLayer) else layer.channels


def _larger(place: Place, layer: UpsampleLayer) -> Axes:
    if layer.size is not None:
        size = place.axes(layer.size, "size")
        if any(new < old for new, old in zip(size, place.grid, strict=True)):
            raise place.fault(
                f"size={shown(size)} is smaller than the grid, {shown(place.grid)} where it "
                "arrives; give a crop, a pool or a stride"
            )
        return size
    factors = place.axes(layer.factor or (1,), "factor")
    return tuple(n * factor for n, factor in zip(place.grid, factors, strict=True))


def _grid(place: Place, layer: GridLayer) -> nn.Module:
    if prod(layer.shape) != prod(place.shape):
        raise place.fault(
            f"shape={list(layer.shape)} has {prod(layer.shape)} numbers and {prod(place.shape)} "
            "arrive; give the layer before it as many, or another shape"
        )
    return nn.Sequential(nn.Flatten(1), nn.Unflatten(1, layer.shape))


def run(module: nn.Module, x: Tensor, condition: Tensor | None) -> Tensor:
    """One step on x; blocks are given the condition."""
    changed: Tensor = module(x, condition) if isinstance(module, Block) else module(x)
    return changed


def shape_after(make: Callable[[], nn.Module], shape: Shape) -> Shape:
    """The shape that leaves a module, found without computing: on torch's meta device."""
    with torch.device("meta"):
        return tuple(run(make(), torch.empty(2, *shape), None).shape[1:])
