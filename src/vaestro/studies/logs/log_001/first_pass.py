"""Log-variances before the first step, by the rule that drew the encoder's weights.

Letters: B streamlines, K latents.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vaestro.experiments.assemble import Assembly, assemble, assemble_on
from vaestro.experiments.change import BEGINNING, change_model
from vaestro.experiments.recipe import apply
from vaestro.models.posterior_head import PosteriorHead
from vaestro.studies.faults.catalogue import changes_of
from vaestro.studies.logs.bench import Bench
from vaestro.studies.logs.chapter import Chapter, Claim, Table
from vaestro.studies.logs.streamline_figures import Plot, Series, plots
from vaestro.studies.logs.streamlines import FEW, NO_NORMALISATION, lines
from vaestro.training import plan as planning

OVERFLOW = math.log(torch.finfo(torch.float32).max)
"""exp of more than 88.7 is infinite in 32 bits."""
SEEN = 100
SEEDS = 5
"""Draws of the weights by each rule."""
SMALL = 5.0
"""Log-variances up to here do no harm at the start."""
UNITS = {
    "in millimetres": "transform=none",
    "standardised": "transform={kind: standardise, per: channel, scale: one}",
}
RULES: dict[str, tuple[str, tuple[str, ...]]] = {
    "the log's, 3 channels in every layer": ("he", ("wrong-fan-in",)),
    "PyTorch's, each layer's own channels": ("uniform", ()),
    "ours": ("he", ()),
}
"""Of each rule: model.encoder.initialisation, and the faults that are planted."""


class FirstPass(NamedTuple):
    """`spreads`: the standard deviation behind each convolution, of the first of SEEDS draws of the
    weights; the log-variances' extremes in all of them, and the largest of each."""

    rule: str
    unit: str
    spreads: list[float]
    least: float
    largest: float
    each: tuple[float, ...]

    @property
    def overflowing(self) -> str:
        """In how many draws exp overflows."""
        return f"{sum(one > OVERFLOW for one in self.each)} of {len(self.each)} draws"


def first_pass(bench: Bench) -> Chapter:
    """The chapter: the published network on streamlines of 256 points; nothing is trained."""
    found = [_passed(bench, rule, unit) for unit in UNITS for rule in RULES]
    return Chapter(
        name="first-pass",
        title="Where the large values come from",
        text=(
            "The log took the values that reached exp to be too big, and clipped and normalised "
            "them. They are too big before the first step. PyTorch draws a convolution from "
            "U(-b, b) with b = 1 / sqrt(channels x kernel); the log's code has the 3 channels of "
            "the data in every layer, so that each of the later ones multiplies.",
        ),
        claims=(_too_big(found), _own_channels(found), _not_the_unit(found)),
        tables=(_table(found),),
        pictures=(
            bench.picture(
                "first-pass",
                plots([_plot(found, unit) for unit in UNITS]),
                "The spread of what each convolution gives, before the first step.",
            ),
        ),
    )


def _passed(bench: Bench, rule: str, unit: str) -> FirstPass:
    scheme, faults = RULES[rule]
    edits = [*lines(bench, FEW, 256), UNITS[unit], NO_NORMALISATION]
    edits.append(f"model.encoder.initialisation={scheme}")
    recipe = bench.recipe("streamline-vae", edits)
    drawn = assemble(recipe, planning.choose(recipe.training))
    found = []
    for seed in range(SEEDS):
        drawn = assemble_on(drawn.material, apply(recipe, [f"seed={seed}"]), drawn.plan)
        change_model(drawn.vae, changes_of(faults), seed, BEGINNING)
        found.append(_forward(drawn))
    spreads, (least, largest) = found[0][0], zip(*(raw.aminmax() for _, raw in found), strict=True)
    each = tuple(map(float, largest))
    return FirstPass(rule, unit, spreads, float(min(least)), max(each), each)


@torch.no_grad()
def _forward(assembly: Assembly) -> tuple[list[float], Tensor]:
    """The spread behind each convolution, and raw log-variances (B, K)."""
    vae, spreads = assembly.vae, list[float]()
    for layer in vae.encoder.modules():
        if isinstance(layer, nn.Conv1d):
            layer.register_forward_hook(lambda _, given, made: spreads.append(float(made.std())))
    (features,) = vae.features(next(iter(assembly.material.some("train", SEEN))).x)
    assert isinstance(vae.head, PosteriorHead), "the recipe's encoder leaves the posterior to it"
    return spreads, vae.head.levels[0](features)[1]


def _too_big(found: Sequence[FirstPass]) -> Claim:
    worst = found[0]
    return Claim(
        said="'the values that the layer was getting were too big for the exponential operations'",
        measured=f"log-variances from {worst.least:,.0f} to {worst.largest:,.0f} before the first "
        f"step; exp overflows at {OVERFLOW:.1f}, in {worst.overflowing}",
        cause="The rule that drew the weights: its gain is sqrt(channels / 3) too large in each "
        "layer, and six layers multiply.",
        holds=min(worst.each) > OVERFLOW,
    )


def _own_channels(found: Sequence[FirstPass]) -> Claim:
    others = found[1 : len(RULES)]
    largest = max(max(abs(one.least), abs(one.largest)) for one in others)
    return Claim(
        said="The same network on the same millimetres is safe with each layer's own channels.",
        measured=f"|log-variance| at most {largest:.3g} with PyTorch's rule and with ours, in "
        f"{SEEDS} draws of each",
        cause="The number of channels in the rule was the whole fault.",
        holds=largest < SMALL,
    )


def _not_the_unit(found: Sequence[FirstPass]) -> Claim:
    scaled = found[len(RULES)]
    return Claim(
        said="Scaling the data would not have been enough.",
        measured=f"with the log's rule on standardised points up to {scaled.largest:,.0f}; exp "
        f"overflows in {scaled.overflowing}",
        cause="What multiplies through the layers does so in any unit.",
        holds=scaled.largest > OVERFLOW,
    )


def _table(found: Sequence[FirstPass]) -> Table:
    rows = tuple(
        (
            one.rule,
            one.unit,
            f"{one.spreads[0]:.3g}",
            f"{one.spreads[-1]:.3g}",
            f"{one.least:,.4g}",
            f"{one.largest:,.4g}",
        )
        for one in found
    )
    head = ("rule", "points", "spread, layer 1", "layer 6", "least log-variance", "largest")
    title = f"Before the first step, the published network of six convolutions, {SEEDS} draws each"
    return Table(title, head, rows)


def _plot(found: Sequence[FirstPass], unit: str) -> Plot:
    series = [
        Series(one.rule.split(",")[0], range(1, len(one.spreads) + 1), one.spreads)
        for one in found
        if one.unit == unit
    ]
    return Plot(f"Spread, points {unit}", "convolution", series, logs="y")
