"""Planted bugs in what is trained, saved and used: lists, frozen heads, stale optimisers, copies.

D elements, K latents.
"""

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from tests.gallery.data import digits, uneven
from tests.gallery.dense import DenseVAE
from tests.gallery.entry import Case, Facts, bug
from tests.gallery.fitted import FittedVariance
from tests.gallery.loop import stack, trained


class PythonList(DenseVAE):
    """The decoder's hidden layers stand in a plain list: no optimiser and no file knows them."""

    def __init__(self) -> None:
        super().__init__(64, 4, variance=0.15)
        self.hidden = [nn.Linear(4, 96), nn.Linear(96, 96)]
        self.decoder = nn.Linear(96, 64)

    def decode(self, z: Tensor) -> Tensor:
        for layer in self.hidden:
            z = torch.relu(layer(z))
        return self.decoder(z)


class ListedHead(DenseVAE):
    """The two heads stand in a plain list."""

    def __init__(self) -> None:
        super().__init__(64, 4, variance=0.15)
        del self.mean, self.log_variance
        self.heads = [nn.Linear(96, 4), nn.Linear(96, 4)]

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.body(x)
        return self.heads[0](hidden), self.heads[1](hidden)


def plain() -> DenseVAE:
    return DenseVAE(64, 4, variance=0.15)


def frozen_head() -> Case:
    """Frozen for a first phase of training, and never thawed."""
    model = plain()
    model.log_variance.requires_grad_(False)
    return trained(model, digits(), 50)


def without_decoder() -> Case:
    model = plain()
    mine = [*model.body.parameters(), *model.mean.parameters(), *model.log_variance.parameters()]
    return trained(model, digits(), 50, optimiser=torch.optim.Adam(mine, lr=3e-3))


def stale_optimiser() -> Case:
    """The decoder's last layer is replaced after the optimiser was made."""
    model = plain()
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    model.decoder[-1] = nn.Linear(96, 64)
    return trained(model, digits(), 50, optimiser=optimiser)


def no_step() -> Case:
    """Backward is called at every batch, the optimiser's step never."""

    class Stepless(torch.optim.Adam):
        def step(self, closure: Any = None) -> None:
            return None

    model = plain()
    return trained(model, digits(), 12, optimiser=Stepless(model.parameters(), lr=3e-3))


def other_generator() -> Case:
    """The generator is built again: only its last layer is the trained one (log 003)."""
    model = plain()
    case = trained(model, digits(), 50)
    fresh = stack(4, 96, 64)
    fresh[-1] = model.decoder[-1]
    return case | {"generator": fresh}


def early_generator() -> Case:
    """The generator is a copy from before the last epochs of training."""
    model = plain()
    trained(model, digits(), 6)
    copy = deepcopy(model.decoder)
    return trained(model, digits(), 50) | {"generator": copy}


def saved_without_head() -> Case:
    """What is written is what lies on the way to the mean: the log-variance head does not."""
    case = trained(plain(), digits(), 50)
    return case | {"saved": without(case["saved"], "log_variance")}


def saved_without_variance() -> Case:
    """The decoder's variance head is not on the way to the reconstruction (log 003)."""
    case = trained(FittedVariance(12, 3), uneven(), 25)
    return case | {"saved": without(case["saved"], "variance_head")}


def without(state: dict[str, Tensor], start: str) -> dict[str, Tensor]:
    return {name: value for name, value in state.items() if not name.startswith(start)}


def unlisted(case: Case, facts: Facts) -> bool:
    """The module does not know the layers that its own forward pass uses."""
    names = [name for name, _ in case["module"].named_parameters()]
    return facts.live > 0 and not any(name.startswith(("hidden", "heads")) for name in names)


def standing_still(case: Case, facts: Facts) -> bool:
    """Some parameters, and not all unless the optimiser never stepped, are where they began."""
    now = case["module"].state_dict()
    return any(torch.equal(now[name], value) for name, value in case["initial"].items())


def draws_apart(case: Case, facts: Facts) -> bool:
    z = torch.linspace(-1, 1, 40).reshape(10, 4)
    with torch.no_grad():
        apart = (case["generator"](z) - case["decode"](z)).abs().mean()
    return facts.live > 0 and float(apart) > 0.03


def left_out(case: Case, facts: Facts) -> bool:
    return facts.live > 0 and set(case["saved"]) < set(case["module"].state_dict())


# What becomes of a model that is trained in part may be any of these.
HALF = {"undertrained", "stalled", "collapsed", "prior_mismatch"}
# A layer outside the module is neither trained nor saved: both names are right.
LOST = {"unsaved_parameter", "untrained_parameter"}
STILL = {"untrained_parameter"}

PARAMETERS = [
    bug(
        "decoder layers in a list",
        lambda: trained(PythonList(), digits(), 50),
        unlisted,
        LOST,
        HALF,
    ),
    bug("heads in a list", lambda: trained(ListedHead(), digits(), 50), unlisted, LOST, HALF),
    bug("frozen head", frozen_head, standing_still, STILL, HALF),
    bug("optimiser without the decoder", without_decoder, standing_still, STILL, HALF),
    bug("layer replaced after the optimiser", stale_optimiser, standing_still, STILL, HALF),
    # No parameter moved (untrained_parameter), and so the loss never did (stalled).
    bug("no optimiser step", no_step, standing_still, STILL | {"stalled"}, HALF),
    bug("generator built again", other_generator, draws_apart, {"decoder_differs"}),
    bug("generator from an early epoch", early_generator, draws_apart, {"decoder_differs"}),
    bug("saved without the head", saved_without_head, left_out, {"unsaved_parameter"}),
    bug(
        "saved without the output variance", saved_without_variance, left_out, {"unsaved_parameter"}
    ),
]
