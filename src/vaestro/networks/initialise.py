"""Weight initialisation with the fan-in that a layer really has.

A linear or convolution layer sums over in_channels * kernel inputs; a transposed convolution
with stride s over in_channels * kernel / s^d of them. A wrong fan-in multiplies through the
layers: it made a streamline encoder emit log-variances of thousands before its first step.
"""

import math
from typing import Literal

import torch
from torch import nn

Initialisation = Literal["he", "xavier", "orthogonal"]
Layer = (
    nn.Linear
    | nn.Conv1d
    | nn.Conv2d
    | nn.Conv3d
    | nn.ConvTranspose1d
    | nn.ConvTranspose2d
    | nn.ConvTranspose3d
)
LAYERS = Layer.__args__
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def fans(layer: Layer) -> tuple[float, float]:
    """(fan-in, fan-out): the inputs that an output sums over, the outputs that an input feeds."""
    if isinstance(layer, nn.Linear):
        return layer.in_features, layer.out_features
    kernel, stride = math.prod(layer.kernel_size), math.prod(layer.stride)
    into = layer.in_channels // layer.groups * kernel
    out = layer.out_channels // layer.groups * kernel
    return (into / stride, out) if isinstance(layer, TRANSPOSED) else (into, out / stride)


def initialise(module: nn.Module, scheme: Initialisation, generator: torch.Generator) -> None:
    """Initialise every linear and (transposed) convolution layer in `module`; biases become 0.

    he: N(0, 2 / fan_in) (He et al. 2015, eq. 10); xavier: N(0, 2 / (fan_in + fan_out)) (Glorot
    and Bengio 2010, eq. 12); orthogonal: orthonormal rows scaled to the He standard deviation
    (Saxe et al. 2014).
    """
    for layer in module.modules():
        if isinstance(layer, LAYERS):
            _fill(layer, scheme, generator)


OUTPUT_GAIN = 0.1
"""A decoder's head starts this small: its first outputs are nearly its bias, the data's mean.

At gain 1 the first outputs of a VAE are noise that costs more than the best constant; on MNIST
greys (784-400-20) 0.1 is 0.7 nats better after three epochs.
"""


def initialise_head(layer: nn.Module, generator: torch.Generator, gain: float = 1.0) -> None:
    """A head has no activation after it: N(0, gain^2 / fan_in); at gain 1 the scale is kept."""
    assert isinstance(layer, LAYERS), "a head is one linear or convolution layer"
    _normal(layer, gain * math.sqrt(1.0 / fans(layer)[0]), generator)


def _fill(layer: Layer, scheme: Initialisation, generator: torch.Generator) -> None:
    fan_in, fan_out = fans(layer)
    he_std = math.sqrt(2.0 / fan_in)
    match scheme:
        case "he":
            _normal(layer, he_std, generator)
        case "xavier":
            _normal(layer, math.sqrt(2.0 / (fan_in + fan_out)), generator)
        case "orthogonal":
            _orthogonal(layer, he_std, generator)


def _normal(layer: Layer, std: float, generator: torch.Generator) -> None:
    nn.init.normal_(layer.weight, 0.0, std, generator=generator)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def _orthogonal(layer: Layer, std: float, generator: torch.Generator) -> None:
    nn.init.orthogonal_(layer.weight, generator=generator)
    with torch.no_grad():  # unit rows or columns; now give them the wanted root mean square
        layer.weight.mul_(std / layer.weight.square().mean().sqrt())
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
