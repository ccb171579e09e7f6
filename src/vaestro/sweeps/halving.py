"""Successive halving: at each rung the best share of the trials goes on (Jamieson and Talwalkar
2016), asynchronously, as in ASHA (Li et al. 2020), where trials do not arrive together.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pydantic import Field

from vaestro.foundation.config import Config

EARLY = 0.03
"""Before this share of its epochs a trial's place says little of the one it will end in: after 1
of 81 epochs the fastest learning rates lead, which are not the best. Of searches compared there 57
of 100 ended without a setting within 1 % of the best, compared from 3 epochs on 1 of 100
(benchmarks/README.md)."""


class HalvingConfig(Config):
    """One in `eta` trials goes on at each rung; the rungs of E epochs are E/eta, E/eta^2, ..., each
    rounded down, as long as that is an epoch or more and the share `compare_from` of E or more. The
    last rung stands in any case."""

    eta: int = Field(default=3, ge=2, le=64)
    compare_from: float = Field(default=EARLY, ge=0, lt=1)

    def rungs(self, epochs: int) -> tuple[int, ...]:
        """The epochs after which trials are compared, the first one first."""
        found: list[int] = []
        rung = epochs // self.eta
        while rung >= 1 and (not found or rung >= self.compare_from * epochs):
            found.append(rung)
            rung //= self.eta
        return tuple(reversed(found))


class Left(NamedTuple):
    """Where a trial stood when it left: in `place` (from 1) of `among` at the rung."""

    rung: int
    place: int
    among: int


def promoted(eta: int, costs: Sequence[float]) -> float:
    """The largest cost that goes on from a rung where trials had these: that of the best one in
    `eta`, rounded down, and of one at least. A cost that is not finite never goes on."""
    known = sorted(cost for cost in costs if math.isfinite(cost))
    if not known:
        return -math.inf
    return known[min(len(known), max(1, len(costs) // eta)) - 1]


def leaving(
    eta: int, rung: int, validated: Mapping[int, float], costs: Sequence[float]
) -> dict[int, Left]:
    """Which of the trials that were just validated leave at `rung`; `costs` are all that trials had
    there so far, theirs among them."""
    limit = promoted(eta, costs)
    beaten = {number: cost for number, cost in validated.items() if not cost <= limit}
    return {
        number: Left(rung, 1 + sum(other < cost for other in costs), len(costs))
        for number, cost in beaten.items()
    }
