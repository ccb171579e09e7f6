"""A mean with its interval in as many digits as the interval leaves of it."""

import math

from vaestro.reports.study.facts import Mean

SURE = 3
"""An interval that begins with a smaller digit keeps a second one."""
MOST = 8
"""So many decimals at most."""


def told(mean: Mean) -> str:
    """-4.96 ± 0.12; the mean alone where it has no interval, or one of no length."""
    if not mean.half:
        return f"{mean.value:.4g}"
    places = decimals(mean.half)
    return f"{mean.value:.{places}f} ± {mean.half:.{places}f}"


def decimals(half: float) -> int:
    """The decimals that half an interval asks for: one or two of its digits."""
    power = math.floor(math.log10(half))
    first = half / 10.0**power
    return min(MOST, max(0, -power + (first < SURE)))
