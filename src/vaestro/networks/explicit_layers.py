"""The layers that a network may be written out of, each as one item of a list.

An item is a mapping with a `kind`, the kind alone (`flatten`), or one key with what belongs to it:
`convolution: {channels: 64, kernel: 3}`, `dense: 400`, `crop: 28`.
Sizes (kernel, stride, padding, ...) are one number for every axis, or one number for each axis.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from vaestro.foundation.config import Config, WholeNumbers
from vaestro.networks.layers import Activation, LayerConfig, Normalisation
from vaestro.networks.resizing import PaddingMode, PoolMode, UpsampleMode


def _each_at_least(low: int, sizes: tuple[int, ...]) -> tuple[int, ...]:
    if not sizes or min(sizes) < low:
        raise ValueError(f"{list(sizes)}; legal: whole numbers, each at least {low}")
    return sizes


def _whole(value: Any) -> Any:
    numbers = value if isinstance(value, list | tuple) else [value]
    if value != "same" and not all(type(n) is int and n >= 0 for n in numbers):
        raise ValueError(f"{value!r}; legal: same, or whole numbers from 0, one or one an axis")
    return value if value == "same" else tuple(numbers)


Sizes = Annotated[WholeNumbers, AfterValidator(lambda sizes: _each_at_least(1, sizes))]
Margins = Annotated[WholeNumbers, AfterValidator(lambda sizes: _each_at_least(0, sizes))]
Padding = Annotated[tuple[int, ...] | Literal["same"], BeforeValidator(_whole)]
Count = Annotated[int, Field(ge=1)]


class _Weighted(Config):
    """Fields of every layer that has weights. `activation` left out: relu, and none in a decoder's
    last layer; `normalise_last`: the normalisation behind the activation."""

    activation: Activation | None = None
    normalisation: Normalisation = "none"
    normalise_last: bool = False
    dropout: float = Field(default=0.0, ge=0, lt=1)

    @property
    def around(self) -> LayerConfig:
        """What stands around the layer, as blocks read it."""
        return LayerConfig(
            activation=self.activation or "relu",
            normalisation=self.normalisation,
            normalise_last=self.normalise_last,
            dropout=self.dropout,
        )


class ConvolutionLayer(_Weighted):
    """A convolution: n -> floor((n + 2 padding - kernel) / stride) + 1, or with padding=same
    ceil(n / stride) by (kernel - 1) // 2 elements before and kernel // 2 after."""

    kind: Literal["convolution"] = "convolution"
    channels: Count | None = None
    kernel: Sizes = (3,)
    stride: Sizes = (1,)
    padding: Padding = (0,)
    padding_mode: PaddingMode = "zeros"


class TransposedLayer(_Weighted):
    """A transposed convolution: n -> (n - 1) stride - 2 padding + kernel + output_padding."""

    kind: Literal["transposed"] = "transposed"
    channels: Count | None = None
    kernel: Sizes = (3,)
    stride: Sizes = (1,)
    padding: Margins = (0,)
    output_padding: Margins = (0,)


class DenseLayer(_Weighted):
    """A linear layer of all numbers that arrive; a grid is flattened before it."""

    kind: Literal["dense"] = "dense"
    width: Count | None = None


class UpsampleLayer(Config):
    """A grid `factor` times as large, or of this `size`; nearest or linear interpolation."""

    kind: Literal["upsample"] = "upsample"
    factor: Sizes | None = None
    size: Sizes | None = None
    mode: UpsampleMode = "nearest"

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.factor is None) == (self.size is None):
            raise ValueError("an upsample needs either factor or size, such as factor=2")
        return self


class FlattenLayer(Config):
    """A grid as a row of numbers, channel after channel."""

    kind: Literal["flatten"] = "flatten"


class GridLayer(Config):
    """The numbers that arrive as a grid of this `shape`: channels, then the length of each axis."""

    kind: Literal["grid"] = "grid"
    shape: Annotated[Sizes, Field(min_length=2, max_length=4)]


class CropLayer(Config):
    """The middle of a grid, of this `size`."""

    kind: Literal["crop"] = "crop"
    size: Sizes


class PoolLayer(Config):
    """The mean or the largest of every cell of `kernel` elements; cells do not overlap."""

    kind: Literal["pool"] = "pool"
    kernel: Sizes = (2,)
    mode: PoolMode = "max"


class NormaliseLayer(Config):
    """A normalisation on its own, for instance of the samples as they come in."""

    kind: Literal["normalise"] = "normalise"
    normalisation: Literal["batch", "group"] = "batch"


Weighted = ConvolutionLayer | TransposedLayer | DenseLayer
AnyLayer = (
    ConvolutionLayer
    | TransposedLayer
    | DenseLayer
    | UpsampleLayer
    | FlattenLayer
    | GridLayer
    | CropLayer
    | PoolLayer
    | NormaliseLayer
)
_MAIN = {
    "convolution": "channels",
    "transposed": "channels",
    "dense": "width",
    "upsample": "factor",
    "grid": "shape",
    "crop": "size",
    "pool": "kernel",
    "normalise": "normalisation",
}
"""The field that a bare value after a kind stands for."""


def _spelt_out(value: Any) -> Any:
    """The short forms as a mapping with a kind."""
    if isinstance(value, str):
        return {"kind": value}
    if not isinstance(value, Mapping) or len(value) != 1 or "kind" in value:
        return value
    ((kind, inner),) = value.items()
    if isinstance(inner, Mapping):
        return {"kind": kind, **inner}
    return {"kind": kind} if inner is None else {"kind": kind, _MAIN.get(kind, "value"): inner}


Layer = Annotated[Annotated[AnyLayer, Field(discriminator="kind")], BeforeValidator(_spelt_out)]
