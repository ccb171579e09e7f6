"""How many latent dimensions will live, and how sure that is.

The count of eigenvalues above the effective beta is the number of unstable directions. A run has
fewer where its network is nonlinear and beta far below lambda_1, and more while it is young: the
code of one direction is first spread over several dimensions, and the surplus ones die the more
slowly the more there is to tell.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from vaestro.health.forecast.calibration import (
    FAR,
    FEW,
    FEWER_FAR,
    LONGEST_SURPLUS,
    SHORTEST_SURPLUS,
    SURPLUS,
)


class Live(NamedTuple):
    """The expected number of live dimensions, and the ends of its 80 % interval."""

    expected: int
    low: int
    high: int


def live_interval(relative: Sequence[float], latent: int, learning: float = math.inf) -> Live:
    """What a run that escapes will have at its end; never below one, never above `latent`.

    `relative`: eigenvalues of M over the effective beta, largest first, those above 1 at least;
    `latent`: K; `learning` u: the learning rate summed over the steps (a constant one: rate times
    steps), inf for a run without end. With m = #{relative > 1}, n = min(m, K) and the nats
    R = sum_{i <= n} 1/2 ln relative_i of the linear model, a surplus S = (K - n) exp(-u / (c R))
    has not died yet:

        expected = min(K, f m) + S,  f = 1 up to lambda_1 = FAR beta, then FEWER_FAR
        low = FEW n + S,  high = n + max(1, 0.2 n, S)

    with c = SURPLUS for the expected number, SHORTEST_SURPLUS for the low end and LONGEST_SURPLUS
    for the high one.
    """
    above = [value for value in relative if value > 1.0]
    count = min(len(above), latent)
    nats = 0.5 * sum(math.log(value) for value in above[:latent])
    short, usual, long = (
        (latent - count) * math.exp(-learning / (scale * nats)) if nats else 0.0
        for scale in (SHORTEST_SURPLUS, SURPLUS, LONGEST_SURPLUS)
    )
    share = FEWER_FAR if above and above[0] > FAR else 1.0
    expected = round(min(latent, share * len(above)) + usual)
    low = math.floor(FEW * count + short)
    high = math.ceil(count + max(1.0, 0.2 * count, long))
    return Live(*(min(max(value, 1), latent) for value in (expected, low, high)))
