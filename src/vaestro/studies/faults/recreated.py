"""A decoder that is built twice: the one that draws samples was never trained."""

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from vaestro.models.vae import VAE
from vaestro.networks.initialise import LAYERS, initialise

NORMALISATIONS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class Recreated:
    """Two decoders with one head in common: the one of the training pass, and one with hidden
    layers of its own, which decodes whatever comes from elsewhere."""

    def __init__(self, alone: nn.Module) -> None:
        self.alone = alone
        self.inside = False

    def enter(self, module: nn.Module, given: Any) -> None:
        """The training pass begins."""
        self.inside = True

    def leave(self, module: nn.Module, given: Any, found: Any) -> None:
        """The training pass is over."""
        self.inside = False

    def decoded(self, module: nn.Module, given: Any, found: Tensor) -> Tensor:
        """What the decoder gives, or outside of the training pass the other."""
        if self.inside:
            return found
        other: Tensor = self.alone.train(module.training)(*given)
        return other


def plant_recreated_decoder(vae: VAE, random: torch.Generator) -> None:
    """What is decoded outside of the training pass goes through hidden layers that were built anew
    and never trained, and through the trained head."""
    alone = deepcopy(vae.decoder)
    alone.head = vae.decoder.head
    for layer in alone.modules():
        if isinstance(layer, LAYERS) and layer is not vae.decoder.head:
            initialise(layer, "he", random)
        elif isinstance(layer, NORMALISATIONS):
            layer.reset_parameters()
    both = Recreated(alone)
    vae.register_forward_pre_hook(both.enter)
    vae.register_forward_hook(both.leave, always_call=True)
    vae.decoder.register_forward_hook(both.decoded)
