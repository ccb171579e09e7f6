"""The FactorVAE score: does holding one factor still hold one dimension still? (Kim and Mnih 2018)

Shape letters: N samples, K latents, F factors, L samples of one vote, Q votes.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from vaestro.metrics.factors import Factor

VOTES = 800
OF_A_VOTE = 64
LEAST = 1e-12
"""A dimension that varies less than this share of the most variable one holds nothing."""


class Votes(NamedTuple):
    """The share of held-out votes that the majority gives to the right factor; its standard error;
    and 1 / F, what guessing reaches."""

    accuracy: float
    standard_error: float
    chance: float


def factor_score(z: Tensor, factors: Sequence[Factor], generator: torch.Generator) -> Votes | None:
    """Votes of posterior means z: (N, K): 1 for a perfect code, little over 1 / F for noise.

    A vote picks a factor and one of its values, draws 64 samples that have it (with replacement,
    from those at hand, since a split is not a machine that makes new ones), and names the dimension
    whose variance over them, in units of its variance over all samples, is least. Of 800 votes the
    majority of factors for each dimension is learned; 800 others are counted. None below two
    factors that vary, or where no dimension does.
    """
    varying = [factor.levels for factor in factors if factor.varies]
    spread = z.double().var(0, correction=0)
    alive = spread > LEAST * spread.max()
    if len(varying) < 2 or not bool(alive.any()):
        return None
    scaled = z.double()[:, alive] / spread[alive].sqrt()
    votes = [_vote(scaled, varying, generator) for _ in range(2 * VOTES)]
    factor, dimension = (torch.tensor(column) for column in zip(*votes, strict=True))
    counts = torch.zeros(scaled.shape[1], len(varying))
    counts.index_put_((dimension[:VOTES], factor[:VOTES]), torch.ones(VOTES), accumulate=True)
    right = (counts.argmax(1)[dimension[VOTES:]] == factor[VOTES:]).double()
    return Votes(float(right.mean()), float(right.std() / VOTES**0.5), 1 / len(varying))


def _vote(scaled: Tensor, varying: list[Tensor], generator: torch.Generator) -> tuple[int, int]:
    """(factor, dimension)."""
    factor = int(torch.randint(len(varying), (1,), generator=generator))
    levels = varying[factor]
    value = levels[torch.randint(len(levels), (1,), generator=generator)]
    rows = torch.nonzero(levels == value)[:, 0]
    chosen = rows[torch.randint(len(rows), (OF_A_VOTE,), generator=generator)]
    return factor, int(scaled[chosen].var(0, correction=0).argmin())
