"""Faults at a decoder's end: a ReLU that dies, and a head that no optimiser and no file knows.

Shape letters: B batch, F features, C channels, P outputs per element, * the sample's axes.
"""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from vaestro.foundation.errors import RecipeError
from vaestro.models.vae import VAE
from vaestro.networks.drawing import own_randomness
from vaestro.networks.initialise import LAYERS, initialise
from vaestro.probability.likelihoods.gaussian import Gaussian

LEAST = 1e-3
"""What log 003 added to the variance that its head gave."""


def plant_dead_relu(vae: VAE, random: torch.Generator) -> None:
    """A ReLU behind the decoder's location, and the decoder drawn as torch draws it: it does not
    start at the data's mean, and an output that is negative for every sample stays 0 for ever."""
    with own_randomness(int(torch.randint(2**31, (), generator=random))):
        for layer in vae.decoder.modules():
            if isinstance(layer, LAYERS):
                layer.reset_parameters()
    vae.decoder.register_forward_hook(_rectified)


def plant_unregistered_head(vae: VAE, random: torch.Generator) -> None:
    """The head of the fitted variance is no part of the model: it is drawn (He et al. 2015), never
    trained and never saved, so that it is another one wherever the model is built again."""
    if vae.likelihood.outputs_per_element != 2:
        raise RecipeError(
            "unregistered-head is a fault of a fitted variance; plant it into a model with "
            "model.likelihood.variance=fitted"
        )
    head = cast(nn.Module, vae.decoder.head)
    loose = deepcopy(head)
    initialise(loose, "he", random)
    for parameter in loose.parameters():
        parameter.requires_grad_(False)
    head.register_forward_hook(_Beside(loose))


def rectified_log(raw: Tensor | None, best: Tensor | None = None) -> Tensor:
    """log(relu(raw) + 0.001), (B, *): without a gradient where the ReLU is 0, and squared errors
    there weigh 1,000."""
    assert raw is not None, "a fitted variance has an output of its own"
    return torch.log(torch.relu(raw) + LEAST)


def plant_relu_variance(vae: VAE, random: torch.Generator) -> None:
    """The fitted variance is a ReLU plus 0.001."""
    likelihood = vae.likelihood
    if not isinstance(likelihood, Gaussian) or likelihood.outputs_per_element != 2:
        raise RecipeError(
            "relu-variance is a fault of a fitted variance; plant it into a model with "
            "model.likelihood={kind: gaussian, variance: fitted}"
        )
    likelihood.spread.log_quantity = rectified_log  # type: ignore[method-assign]


@dataclass(frozen=True)
class _Beside:
    """Gives the second half of a head's outputs by another head, which nothing registers."""

    loose: nn.Module

    def __call__(self, module: nn.Module, given: Any, found: Tensor) -> Tensor:
        half = found.shape[1] // 2
        return torch.cat([found[:, :half], self.loose(*given)[:, half:]], dim=1)


def _rectified(module: nn.Module, given: Any, found: Tensor) -> Tensor:
    location, others = found[:, :1], found[:, 1:]
    return torch.cat([torch.relu(location), others], dim=1)
