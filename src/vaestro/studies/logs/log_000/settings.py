"""The 64 settings of a decoder that log 000's study tries, and what each of them is worth.

Sixteen shapes (width, depth, block, kernel), four members of a population in each (rate of
learning, start of the weights).
"""

import math
from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

from scipy.stats import t as student

from vaestro.experiments.population.variations import Edits
from vaestro.reports.study.facts import LEVEL

WIDTHS, DEPTHS, BLOCKS, KERNELS = (8, 16), (1, 2), ("plain", "residual"), (3, 5)
RATES, STARTS = (3e-3, 1e-2), ("he", "orthogonal")
FACTORS = ("width", "depth", "block", "kernel", "rate", "start")


class Setting(NamedTuple):
    """A decoder: `width` channels in its last stage and twice as many before it, `depth` blocks
    that keep the size behind each stage, plain or residual, and the side of a kernel; and with what
    rate and start it is trained."""

    width: int
    depth: int
    block: str
    kernel: int
    rate: float
    start: str

    def edits(self) -> Edits:
        """The edits of a recipe."""
        return (
            f"model.decoder.channels=[{2 * self.width}, {self.width}]",
            f"model.decoder.blocks={self.depth}",
            f"model.decoder.residual={str(self.block == 'residual').lower()}",
            f"model.decoder.kernel={self.kernel}",
            f"training.learning_rate={rate(self.rate)}",
            f"model.decoder.initialisation={self.start}",
        )

    @property
    def shape(self) -> str:
        """The shape in words."""
        plural = "s" if self.depth > 1 else ""
        return f"width {self.width}, {self.depth} {self.block} block{plural}, kernel {self.kernel}"

    @property
    def words(self) -> str:
        """All of it in words."""
        return f"{self.shape}, rate {self.rate:g}, {self.start}"


def rate(first: float) -> str:
    """A learning rate that falls to a hundredth over the run."""
    return f"{{kind: cosine, start: {first}, end: {first / 100}, length: 1 of run}}"


def all_settings() -> list[Setting]:
    """Every combination, the members of a shape one after another."""
    every = product(WIDTHS, DEPTHS, BLOCKS, KERNELS, RATES, STARTS)
    return [Setting(*values) for values in every]


class Effect(NamedTuple):
    """What changing one factor from `low` to `high` does to the error, over the pairs of settings
    that differ in nothing else: the mean difference and half its 95 % interval."""

    factor: str
    low: str
    high: str
    difference: float
    half: float
    pairs: int

    @property
    def sure(self) -> bool:
        """Whether the interval leaves out 0."""
        return abs(self.difference) > self.half


def effects(settings: Sequence[Setting], errors: Sequence[float]) -> list[Effect]:
    """The effect of every factor, the largest first."""
    found = [_effect(factor, settings, errors) for factor in FACTORS]
    return sorted(found, key=lambda effect: -abs(effect.difference))


def _effect(factor: str, settings: Sequence[Setting], errors: Sequence[float]) -> Effect:
    known = dict(zip(settings, errors, strict=True))
    low, high = sorted({getattr(one, factor) for one in settings}, key=str)
    if isinstance(low, int | float):
        low, high = sorted((low, high))
    pairs = [one for one in settings if getattr(one, factor) == low]
    changes = [known[one._replace(**{factor: high})] - known[one] for one in pairs]
    mean = sum(changes) / len(changes)
    spread = math.sqrt(sum((c - mean) ** 2 for c in changes) / (len(changes) - 1))
    half = float(student.ppf((1 + LEVEL) / 2, len(changes) - 1)) * spread / math.sqrt(len(changes))
    return Effect(factor, _word(low), _word(high), mean, half, len(changes))


def _word(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """Spearman's correlation of two rankings, from -1 to 1."""
    from scipy.stats import spearmanr

    return float(spearmanr(one, other).statistic)
