"""The log's own decoder before its first step: how many draws of its weights are dead already.

Letters: B pictures, K latents.
"""

from copy import deepcopy
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vaestro.experiments.assemble import Assembly, assemble
from vaestro.experiments.change import BEGINNING, change_model
from vaestro.experiments.recipe import apply
from vaestro.foundation.samples import Given
from vaestro.models.vae import VAE
from vaestro.studies.faults.catalogue import changes_of
from vaestro.studies.logs.bench import ONE_THREAD, Bench
from vaestro.studies.logs.chapter import Chapter, Claim, Picture
from vaestro.studies.logs.log_002.figures import Dots, dots
from vaestro.studies.logs.log_002.rows import of_variance, printed_rec, shown
from vaestro.studies.logs.log_002.setting import LATENT, own
from vaestro.training import plan as planning

FAULT = "dead-relu-output"
DRAWS = 100
PRINTED, AGAIN = 32, 256
"""Pictures that a draw prints to be judged, of as many codes of the prior; and so many where none
of the first has a lit pixel, as a few lit ones are enough to bring a draw back."""
WEIGHTS = (1.0, 0.1, 0.01)
"""x_var at which a gradient is looked for."""
MISSING = LATENT / 2
"""Nats that the log's formula has too many."""
NEARLY = 0.01
"""Less than this share of pixels lit is nearly black."""
SURE = 5.0
"""Nats that a term may be away from what a dead run prints."""


class Draw(NamedTuple):
    """A decoder before its first step: the bias of its last layer, the share of pixels that are not
    black, and the spread of a pixel behind the layer, without the ReLU."""

    bias: float
    lit: float
    spread: float


class Printed(NamedTuple):
    """What the log would print after an epoch at x_var 1, in nats."""

    rec: float
    kl: float


def chapter(bench: Bench) -> Chapter:
    """Draw the log's decoder again and again, and look for a gradient in a draw that is dead."""
    material = assemble(own(bench), planning.choose(own(bench).training))
    found = [_draw(material, seed) for seed in range(DRAWS)]
    black = _black(material)
    return Chapter(
        "birth",
        "Dead before the first step",
        (
            f"The log's own network, drawn as torch draws it {DRAWS} times; of each draw "
            f"{PRINTED} pictures are printed, of codes from the prior, and {AGAIN} more where all "
            "of these are black. Its last layer adds up 64 channels into one, and has one bias for "
            "all pixels.",
        ),
        (_dead(found), _weight(bench, found, black), *_trained(bench, found, black)),
        (),
        (_picture(bench, found),),
    )


def _draw(material: Assembly, seed: int) -> Draw:
    vae = deepcopy(material.vae)
    change_model(vae, changes_of((FAULT,)), seed, BEGINNING)
    last = [layer for layer in vae.decoder.modules() if isinstance(layer, nn.ConvTranspose2d)][-1]
    before: list[Tensor] = []
    last.register_forward_hook(lambda _, given, made: before.append(made))
    assert last.bias is not None, "torch gives the layer a bias"
    lit = _lit(vae, PRINTED) or _lit(vae, AGAIN)
    return Draw(float(last.bias.detach()), lit, float(before[0].std()))


@torch.no_grad()
def _lit(vae: VAE, count: int) -> float:
    """The share of pixels above 0 in so many pictures, of codes from the prior and of each digit in
    turn."""
    z = torch.randn(count, vae.latent, generator=torch.Generator().manual_seed(count))
    printed = vae.decode(z, Given(label=torch.arange(count) % 10))
    return float((printed > 0).float().mean())


def _black(material: Assembly) -> float:
    """Half the sum of squares of a held-out picture: what a black one costs at x_var 1, nats."""
    batches = list(material.material.batches("validation")())
    squares = sum(float(batch.truth.square().sum()) for batch in batches)
    return 0.5 * squares / sum(len(batch.truth) for batch in batches)


def _gradient(bench: Bench, seed: int, variance: float) -> float:
    """The sum of the sizes of the loss's gradient in all weights of the decoder."""
    recipe = apply(own(bench), [of_variance(variance), f"seed={seed}", ONE_THREAD])
    made = assemble(recipe, planning.choose(recipe.training))
    change_model(made.vae, changes_of((FAULT,)), seed, BEGINNING)
    (batch,) = made.material.some("train", PRINTED)
    control = made.task.initial_control(torch.device(made.plan.device))
    made.task.terms(batch, control, 0).loss.backward()
    grads = [one.grad for one in made.vae.decoder.parameters()]
    return sum(float(grad.abs().sum()) for grad in grads if grad is not None)


def _dead(found: list[Draw]) -> Claim:
    black = [one.bias for one in found if one.lit == 0]
    nearly = sum(0 < one.lit < NEARLY for one in found)
    spread = sum(one.spread for one in found) / len(found)
    return Claim(
        "There is a certain probability for the training process to die!",
        f"{len(black)} of {len(found)} draws print nothing but black before the first step, and "
        f"{nearly} light less than {NEARLY:.0%} of their pixels. The biases of the black ones "
        f"are {min(black, default=0):.2f} to {max(black, default=0):.2f}, and pixels spread "
        f"by {spread:.3f} about a draw's bias.",
        "torch draws the one bias between -0.2 and 0.2 (1 / sqrt of 1 channel x 5 x 5), and what "
        "the 64 channels add is small beside it. Where it is low enough no pixel passes the ReLU: "
        "such a run is dead before the training begins, whatever is trained, and the seed decides.",
        0 < len(black) / len(found) < 0.5 and max(black, default=0) < 0,
    )


def _weight(bench: Bench, found: list[Draw], black: float) -> Claim:
    dead, living = _one(found, dead=True), _one(found, dead=False)
    still = [_gradient(bench, dead, v) for v in WEIGHTS]
    moved = _gradient(bench, living, 1.0)
    return Claim(
        "When x_var = 1 ... KL divergence reach its theoretical minimum (50.0), and the "
        "reconstruction loss doesn't change (around 40).",
        f"In the draw of the lowest bias the gradient of all weights of the decoder is "
        f"{', '.join(f'{one:g}' for one in still)} at x_var {', '.join(f'{v:g}' for v in WEIGHTS)},"
        f" in a living one {moved:.3g}. Black costs {shown(black)} nats at x_var 1, "
        f"{shown(black / WEIGHTS[1])} at 0.1.",
        "No gradient, at any x_var: only the KL is left to fall, to its least value. That it was "
        "seen at x_var 1 is chance; 'around 40' is what black costs there, and ten times as much "
        "at 0.1.",
        not any(still) and moved > 0,
    )


def _trained(bench: Bench, found: list[Draw], black: float) -> tuple[Claim, ...]:
    """The full form trains a dead draw and a living one, with the log's network and rate."""
    if bench.quick:
        return ()
    dead, living = (_printed(bench, _one(found, dead=gone)) for gone in (True, False))
    return (
        Claim(
            "This leads to completely dark image (value<0). However, if the process doesn't die, "
            "the final image is like below.",
            f"After an epoch at x_var 1, as the log prints them, the dead draw has a "
            f"reconstruction loss of {shown(dead.rec)} and a KL of {shown(dead.kl)}, the living "
            f"one {shown(living.rec)} and {shown(living.kl)}.",
            "Both are the log's two numbers: black's cost, and half a nat for each of 100 latents.",
            abs(dead.rec - black) < SURE
            and abs(dead.kl - MISSING) < SURE
            and living.rec < dead.rec - SURE,
        ),
    )


def _printed(bench: Bench, seed: int) -> Printed:
    edits = (of_variance(1.0), f"seed={seed}", "training.epochs=1")
    run = bench.train(f"born-{seed}", own(bench), edits, (FAULT,))
    held = run.summary["validation"]
    rec = printed_rec(held, 1.0, run.spec.elements)
    return Printed(rec, float(held["prior_term"]) + MISSING)


def _one(found: list[Draw], *, dead: bool) -> int:
    """The seed whose bias is the lowest, or the first that lights half of its pixels."""
    if dead:
        return min(range(len(found)), key=lambda seed: found[seed].bias)
    return next(seed for seed, one in enumerate(found) if one.lit > 0.5)


def _picture(bench: Bench, found: list[Draw]) -> Picture:
    parts = {
        "no pixel lit": [one for one in found if one.lit == 0],
        "some": [one for one in found if 0 < one.lit < 1],
        "all": [one for one in found if one.lit == 1],
    }
    groups = [
        Dots(
            f"{name}: {len(some)} draws",
            [one.bias for one in some],
            [one.lit == 0 for one in some],
        )
        for name, some in parts.items()
    ]
    figure = dots(groups, "bias of the last layer", (0.0, "0"), "dead before the first step")
    caption = "Each mark is a draw of the log's decoder, by the bias of its last layer."
    return bench.picture("birth", figure, caption)
