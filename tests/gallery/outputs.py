"""Planted bugs in outputs, numbers and conditions, and runs that are too long or too short.

B batch, D elements, K latents.
"""

import torch
from torch import Tensor, nn

from tests.gallery.conditional import LabelInEncoderOnly, LabelLostInDecoder
from tests.gallery.data import Split, curves, digits, uneven
from tests.gallery.dense import DenseVAE
from tests.gallery.entry import Case, Facts, bug
from tests.gallery.fitted import FittedVariance
from tests.gallery.healthy import few
from tests.gallery.loop import only, stack, trained
from tests.gallery.others import Bounded, CurveVAE


def dead_start() -> Case:
    """A rectified output whose bias starts far below zero (log 002)."""
    model = Bounded("relu", variance=1.0)
    nn.init.constant_(model.decoder[-1].bias, -8.0)
    return only(trained(model, digits(), 20), "encode", "decode", "x", "variance")


class Saturated(CurveVAE):
    """Coordinates are millimetres, the output is a sigmoid: it cannot leave 0 to 1."""

    def decode(self, z: Tensor) -> Tensor:
        return torch.sigmoid(self.decoder(z))


class WrongFanIn(DenseVAE):
    """Every layer of the encoder starts with the first layer's fan-in of 3, on millimetres
    (log 001); the exponential is bare."""

    def __init__(self, fan_in: int = 3) -> None:
        super().__init__(32, 6, variance=25.0)
        self.body = nn.Sequential(stack(32, 96, 96, 96), nn.ReLU())
        for name, weight in self.named_parameters():
            if not name.startswith("decoder"):
                nn.init.uniform_(weight, -((1 / fan_in) ** 0.5), (1 / fan_in) ** 0.5)


class ClippedAfter(WrongFanIn):
    """The same, with exp clipped after it is taken: finite forward, NaN backward above 88.7."""

    def exp(self, value: Tensor) -> Tensor:
        return torch.clamp(torch.exp(value), -1e10, 1e10)

    def sample(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        return mean + self.exp(0.5 * log_variance) * torch.randn_like(mean)

    def prior_term(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        return 0.5 * (self.exp(log_variance) + mean**2 - 1 - log_variance).sum(dim=1)


class NoFloor(FittedVariance):
    """The variance head's exponential has nothing to stop it."""

    def __init__(self) -> None:
        super().__init__(15, 3, floor=0.0)


def with_constants(held: Split) -> Split:
    """Three more columns, the same for every sample."""

    def wider(x: Tensor) -> Tensor:
        return torch.cat([x, torch.full((len(x), 3), 0.5)], dim=1)

    return held._replace(x=wider(held.x), held_out=wider(held.held_out))


def clipped_after() -> Case:
    """Steps with a gradient that is not finite are skipped, so no step is ever made."""
    model = ClippedAfter()
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    optimiser.register_step_pre_hook(drop_bad_gradients)
    case = trained(model, curves(), 8, optimiser=optimiser)
    return {name: value for name, value in case.items() if name != "initial"}


def drop_bad_gradients(optimiser: torch.optim.Optimizer, *_: object) -> None:
    """What a careful author does about NaN without asking where it comes from."""
    weights = [weight for group in optimiser.param_groups for weight in group["params"]]
    if not all(torch.isfinite(w.grad).all() for w in weights if w.grad is not None):
        optimiser.zero_grad()


def overfitted() -> Case:
    """Forty pictures, a wide network, a small variance, no thought of the held-out ones."""
    model = DenseVAE(64, 16, width=512, variance=0.002)
    return trained(model, few(digits(), 40), 600, rate=2e-3, batch=40)


def undertrained() -> Case:
    """A fifth of the learning rate and a tenth of the epochs: the loss is still falling."""
    return trained(DenseVAE(64, 4, variance=0.1), digits(), 6, rate=5e-4, decay=False)


def dead(case: Case, facts: Facts) -> bool:
    """The output is one constant, and a worse one than the best."""
    with torch.no_grad():
        out = case["decode"](3 * torch.randn(50, 6 if case["x"].shape[1] == 32 else 4))
        moves = out.std(dim=0).max() / case["x"].std(dim=0).max()
    return float(moves) < 1e-3 and facts.data > facts.constant + 5


def blown_up(case: Case, facts: Facts) -> bool:
    return not facts.prior < 1e6


def zero_variance(case: Case, facts: Facts) -> bool:
    with torch.no_grad():
        variance = case["decode"](torch.randn(200, 3))[1]
    return facts.live > 0 and float(variance[:, -3:].max()) < 1e-5


def deaf(case: Case, facts: Facts) -> bool:
    """The labels do not change what is decoded, and the model is well otherwise."""
    return facts.live > 0 and facts.data < facts.constant - 3 and facts.two_sample < 0.7


def memorised(case: Case, facts: Facts) -> bool:
    return facts.gap > 0.35 * (facts.constant - facts.data)


def still_falling(case: Case, facts: Facts) -> bool:
    history = case["history"]
    return history[-2] - history[-1] > 0.02 * history[-1]


DEAF = {"condition_ignored"}

OUTPUTS = [
    bug("rectified output, dead", dead_start, dead, {"dead_output"}, {"collapsed"}),
    bug(
        "sigmoid output on millimetres",
        lambda: trained(Saturated(), curves(), 30, rate=1e-2),
        dead,
        {"dead_output"},
        {"collapsed", "stalled"},
    ),
    bug("wrong fan-in", lambda: trained(WrongFanIn(), curves(), 4), blown_up, {"exploding"}),
    # the fault is a scale without a bound before its exp; that it blows up is what comes of it
    bug(
        "clipped after exp",
        clipped_after,
        blown_up,
        {"exploding", "unbounded_variance"},
        {"exploding"},
    ),
    bug(
        "output variance without a floor",
        lambda: trained(NoFloor(), with_constants(uneven()), 60, rate=6e-3),
        zero_variance,
        {"unbounded_variance"},
        {"exploding"},
    ),
    bug(
        "label only in the encoder",
        lambda: trained(LabelInEncoderOnly(), digits(), 60, labelled=True),
        deaf,
        DEAF,
    ),
    bug(
        "label lost in the decoder",
        lambda: trained(LabelLostInDecoder(), digits(), 60, labelled=True),
        deaf,
        DEAF,
    ),
    bug("forty samples learnt by heart", overfitted, memorised, {"overfitted"}, {"prior_mismatch"}),
    bug("six short epochs", undertrained, still_falling, {"undertrained"}),
]
