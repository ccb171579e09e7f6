"""What a decoder's list of layers must end in: one linear map to the samples' shape."""

from vaestro.foundation.errors import RecipeError
from vaestro.networks.body import Shape
from vaestro.networks.explicit_layers import (
    AnyLayer,
    ConvolutionLayer,
    CropLayer,
    DenseLayer,
    TransposedLayer,
    UpsampleLayer,
    Weighted,
)
from vaestro.networks.explicit_place import Place, shown
from vaestro.networks.explicit_steps import width


def output_layer(layers: tuple[AnyLayer, ...]) -> tuple[int, Weighted]:
    """The number of the decoder's last layer with weights, and that layer.

    Raises RecipeError when there is none, it is not linear, or something else follows it.
    """
    for number in reversed(range(len(layers))):
        layer = layers[number]
        place = Place("decoder", number, layer, ())
        if isinstance(layer, ConvolutionLayer | TransposedLayer | DenseLayer):
            _require_linear(place, layer)
            if isinstance(layer, DenseLayer) and number + 1 < len(layers):
                raise place.fault("a dense output layer gives whole samples; nothing follows it")
            return number, layer
        if not isinstance(layer, UpsampleLayer | CropLayer):
            raise place.fault(
                "only upsample and crop may follow a decoder's last layer with weights"
            )
    raise RecipeError(
        "a decoder needs a last layer with weights: give a convolution, a transposed or a dense one"
    )


def _require_linear(place: Place, layer: Weighted) -> None:
    if layer.activation not in (None, "none"):
        raise place.fault(
            f"activation={layer.activation} on a decoder's output, which stays linear, since "
            "behind a relu it can die; leave activation out (output_activation=relu insists on one)"
        )
    if layer.normalisation != "none" or layer.dropout:
        raise place.fault(
            "a decoder's output layer has no normalisation and no dropout; leave them out"
        )


def output_channels(place: Place, layer: Weighted, needed: int) -> int:
    """What the head's channels or width must be, and are if they are given."""
    given = width(layer)
    if given not in (None, needed):
        name = "width" if isinstance(layer, DenseLayer) else "channels"
        raise place.fault(
            f"{name}={given}, and the samples and their likelihood need {needed}; leave {name} out"
        )
    return needed


def require_shape(shapes: tuple[Shape, ...], wanted: Shape, split: tuple[int, ...]) -> None:
    """Raise RecipeError unless the last of `shapes` is the samples' shape."""
    last = (*split[1:], *shapes[-1][1:])
    if last == wanted:
        return
    sizes = [shown(shape[1:] or shape) for shape in shapes]
    passed = [size for size, before in zip(sizes, ["", *sizes], strict=False) if size != before]
    larger = len(last) == len(wanted) and all(a >= b for a, b in zip(last, wanted, strict=True))
    remedy = "a crop" if larger else "an upsample"
    raise RecipeError(
        f"the decoder's layers end in {last} and the samples are {wanted}: {' -> '.join(passed)}, "
        f"and samples are {shown(wanted[1:] or wanted)}: add {remedy} or change padding"
    )
