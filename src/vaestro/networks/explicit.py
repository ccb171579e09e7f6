"""A network written out layer by layer, in the order in which the data pass.

Shape letters: B batch, C channels, K latents, F features, P outputs per element, * the sample's
axes.
"""

from functools import partial
from math import prod
from typing import Annotated, Literal, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from vaestro.foundation.config import Config
from vaestro.foundation.errors import RecipeError
from vaestro.networks.body import Conditioning, Shape, require_one_level
from vaestro.networks.explicit_layers import (
    AnyLayer,
    DenseLayer,
    Layer,
)
from vaestro.networks.explicit_output import output_channels, output_layer, require_shape
from vaestro.networks.explicit_place import Place, Side
from vaestro.networks.explicit_steps import linear, run, shape_after, step
from vaestro.networks.initialise import OUTPUT_GAIN, Initialisation, initialise, initialise_head
from vaestro.networks.layers import Block, activation
from vaestro.networks.recomputing import Recomputing


class LayersConfig(Config):
    """`layers`, in the order in which the data pass them.

    A decoder's last layer with weights is its head: linear, as many channels as the sample and the
    likelihood need (leave `channels` or `width` out, or give just that number); only upsample and
    crop may follow it. `output_activation: relu` puts a ReLU behind the head. It is there to repeat
    published networks and for nothing else: an output that is negative for all samples has no
    gradient and stays zero for ever, and once all are, the decoder is dead. Likelihoods bound their
    outputs themselves.
    """

    kind: Literal["layers"] = "layers"
    layers: Annotated[tuple[Layer, ...], Field(min_length=1)]
    initialisation: Initialisation = "he"
    output_activation: Literal["none", "relu"] = "none"


class Steps(Recomputing):
    """Hidden layers one after another. `shapes`: what arrives, then what leaves each layer."""

    def __init__(
        self,
        side: Side,
        layers: tuple[AnyLayer, ...],
        first: int,
        shape: Shape,
        conditioning: Conditioning,
    ) -> None:
        super().__init__()
        self.steps = nn.ModuleList()
        self.shapes = [shape]
        for number, layer in enumerate(layers, start=first):
            place = Place(side, number, layer, self.shapes[-1])
            self.steps.append(step(place, conditioning.filmed))
            self.shapes.append(shape_after(partial(step, place, 0), place.shape))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """(B, *) -> (B, *')."""
        return self.passed([partial(run, module) for module in self.steps], x, condition)


def _require_blocks(parts: nn.Module, conditioning: Conditioning, side: str) -> None:
    """Raise RecipeError where FiLM finds no layer whose channels it could scale and shift."""
    if conditioning.filmed and not any(isinstance(part, Block) for part in parts.modules()):
        raise RecipeError(
            f"model.condition.how=film acts on hidden layers with weights, and model.{side}.layers "
            "has none; give model.condition.how=join"
        )


class LayersEncoder(nn.Module):
    """(B, *) -> the features that leave the last layer, (B, F) or (B, C, *grid).

    A condition that is joined enters at the first dense layer, beside its other inputs (the grid
    that arrives there flattened); without a dense layer it is left to what reads the features.
    """

    skip_channels: tuple[int, ...] = ()

    def __init__(
        self,
        config: LayersConfig,
        shape: Shape,
        conditioning: Conditioning,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        if config.output_activation != "none":
            raise RecipeError(
                "output_activation belongs to a decoder; in the encoder give the last layer an "
                "activation"
            )
        dense = [n for n, layer in enumerate(config.layers) if isinstance(layer, DenseLayer)]
        first = dense[0] if dense else len(config.layers)
        self.joins = bool(dense)
        self.conditioning = conditioning
        self.before = Steps("encoder", config.layers[:first], 0, shape, conditioning)
        met = self.before.shapes[-1]
        inputs = (prod(met) + conditioning.joined,) if dense else met
        self.behind = Steps("encoder", config.layers[first:], first, inputs, conditioning)
        self.out_shapes = (self.behind.shapes[-1],)
        _require_blocks(self, conditioning, "encoder")
        initialise(self, config.initialisation, generator)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, ...]:
        """x: (B, *); returns its features."""
        x = self.before(x, condition)
        if self.joins:
            x = self.conditioning.join(x.flatten(1), condition)
        return (self.behind(x, condition),)


class LayersDecoder(nn.Module):
    """(B, K) or (B, L, *grid) -> (B, P, *): hidden layers, the linear head, and what follows it."""

    def __init__(
        self,
        config: LayersConfig,
        latents: tuple[Shape, ...],
        shape: Shape,
        outputs: int,
        conditioning: Conditioning,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        channels, *grid = require_one_level(latents)
        self.conditioning = conditioning
        number, last = output_layer(config.layers)
        entering = (channels + conditioning.joined, *grid)
        self.body = Steps("decoder", config.layers[:number], 0, entering, conditioning)
        place = Place("decoder", number, last, self.body.shapes[-1])
        self.split = (outputs, *shape) if isinstance(last, DenseLayer) else (outputs, shape[0])
        needed = output_channels(place, last, prod(self.split))
        self.pad, self.head, _ = linear(place, needed)
        made = shape_after(lambda: linear(place, needed).whole, place.shape)
        self.tail = Steps("decoder", config.layers[number + 1 :], number + 1, made, Conditioning())
        require_shape((*self.body.shapes, *self.tail.shapes), shape, self.split)
        self.activation = activation(config.output_activation)
        _require_blocks(self.body, conditioning, "decoder")
        initialise(self.body, config.initialisation, generator)
        initialise_head(self.head, generator, OUTPUT_GAIN)

    def forward(self, latents: tuple[Tensor, ...], condition: Tensor | None = None) -> Tensor:
        """One level: (B, K) or (B, L, *grid); returns (B, P, *)."""
        (z,) = latents
        hidden = self.body(self.conditioning.join(z, condition), condition)
        ready = hidden if self.pad is None else self.pad(hidden)
        outputs: Tensor = self.tail(self.activation(self.head(ready))).unflatten(1, self.split)
        return outputs

    def start_at(self, outputs: Tensor) -> None:
        """The head's bias becomes `outputs` (P, *): a dense head has one number an element, a
        convolution one a channel, their mean over the grid."""
        dense = isinstance(self.head, nn.Linear)
        start = outputs if dense else outputs.flatten(2).mean(2)
        with torch.no_grad():
            cast(Tensor, self.head.bias).copy_(start.flatten())
