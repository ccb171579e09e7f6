"""Does the model use tensors that it never registered? Told from the graph of one pass.

Shape letters: B batch, * the sample's axes.
"""

import copy
from collections.abc import Mapping

import torch
from torch import Tensor

from vaestro.foundation.samples import Batch
from vaestro.health.finding import Finding
from vaestro.health.reachable import hidden_parameters, leaves
from vaestro.health.remedies.smaller_numbers import networks_of_ours
from vaestro.models.config import ModelConfig
from vaestro.models.vae import VAE

ASKED = 2
"""So many samples pass; batch normalisation at rest needs one."""

SHOWN = 3


def unsaved_findings(vae: VAE, batch: Batch, model: ModelConfig) -> tuple[Finding, ...]:
    """Tensors that posterior and outputs depend on and that no module of `vae` has registered.

    `parameters()` and `state_dict()` pass them over, so that no optimiser trains them and no
    checkpoint keeps them, and training says nothing. Only networks of a user's own can do that.
    """
    hidden = _hidden(vae, batch)
    if not hidden:
        return ()
    names = list(hidden)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return (
        Finding(
            "unsaved_parameter",
            f"the model uses tensors that no module has registered ({', '.join(names[:SHOWN])}"
            f"{more}): training leaves them as they are and no file keeps them, so that a model "
            "that is resumed or loaded may have others in their place; keep modules as attributes "
            "or in nn.ModuleList, tensors in nn.Parameter",
            {"parameters": names, "numbers": sum(tensor.numel() for tensor in hidden.values())},
            networks_of_ours(model, names),
        ),
    )


def _hidden(vae: VAE, batch: Batch) -> Mapping[str, Tensor]:
    """The tensors of a copy of `vae` at rest, by where they are, or by side and shape where nothing
    but a function holds them."""
    copied = copy.deepcopy(vae).eval()
    x, given = batch.x[:ASKED], batch.given.part(slice(0, ASKED))
    with torch.random.fork_rng(), torch.enable_grad():
        mean, spread = copied.encode(x, given)
        begun = {
            "encoder": leaves(mean, *([] if spread is None else [spread])),
            "decoder": leaves(copied.decode(mean.detach(), given)),
        }
    known = {id(parameter) for parameter in copied.parameters()}
    names = {id(tensor): name for name, tensor in hidden_parameters(copied).items()}
    return {
        names.get(id(tensor), f"{side}: one of shape {tuple(tensor.shape)}"): tensor
        for side, tensors in begun.items()
        for tensor in tensors
        if id(tensor) not in known
    }
