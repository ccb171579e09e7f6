"""The vertical scale of a quantity in nats, which may start a thousand times above where it ends.

Plain when they are of one size; logarithmic when they are positive and fall from far above; linear
up to a bound and logarithmic beyond it when some are negative (the data term of a density) or
near zero.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from vaestro.reports.figures import style

Scale = Literal["linear", "log", "symlog"]
FAR_APART = 3.0
"""A quantity that once was so many times larger than where it settles needs a log scale."""
NEAREST = 15
"""CSS pixels between two tick labels, at least."""
LABELLED = 5
"""About how many ticks a log scale carries."""


def choose(drawn: Sequence[float], settled: Sequence[float]) -> Scale:
    """The scale for finite values `drawn`, of which `settled` are those late in the run."""
    late = list(settled) or list(drawn)
    bound = usual_size(late)
    if max(map(abs, drawn)) <= FAR_APART * max(bound, 1e-9):
        return "linear"
    return "log" if min(drawn) > 0.2 * min(late) > 0 else "symlog"


def spread_out(axes: Axes, drawn: Sequence[float], settled: Sequence[float]) -> None:
    """Give the vertical axis of `axes` the scale and the ticks that fit its finite values."""
    if not drawn:
        return
    scale = choose(drawn, settled)
    if scale == "log":
        axes.set_yscale("log")
        low, high = (float(np.log10(edge)) for edge in (min(drawn), max(drawn)))
        air = 0.06 * (high - low)
        axes.set_ylim(10 ** (low - air), 10 ** (high + air))
        _fix(axes, round_numbers(10 ** (low - air), 10 ** (high + air)))
    elif scale == "symlog":
        _linear_then_log(axes, drawn, settled)
    else:
        axes.set_ylim(style.together(drawn, 1e-3 * max(1.0, max(map(abs, drawn)))))
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))


def round_numbers(low: float, high: float) -> list[float]:
    """Ticks 1, 2, 5 times powers of ten between two positive ends, thinned to about LABELLED."""
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    for digits in ((1, 2, 3, 4, 5, 6, 8), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,)):
        ticks = [digit * 10.0**power for power in powers for digit in digits]
        inside = [tick for tick in ticks if low <= tick <= high]
        if len(inside) <= LABELLED + 2:
            return inside
    return inside[:: -(-len(inside) // LABELLED)]


def usual_size(values: Sequence[float]) -> float:
    """The size that four in five of the values do not exceed, so that a blow-up does not count."""
    return float(np.quantile(np.abs(values), 0.8))


def rounded_up(value: float) -> float:
    """The first of 1, 2, 5 times a power of ten that is at least a positive `value`."""
    power = 10.0 ** float(np.floor(np.log10(value)))
    fitting: list[float] = [digit * power for digit in (1, 2, 5, 10) if digit * power >= value]
    return fitting[0]


def _linear_then_log(axes: Axes, drawn: Sequence[float], settled: Sequence[float]) -> None:
    """Linear to a round bound around the settled values, logarithmic beyond it."""
    bound = rounded_up(max(usual_size(settled or drawn), 1e-3))
    axes.set_yscale("symlog", linthresh=bound, linscale=1.5)
    low, high = min(drawn), max(drawn)
    bottom = low - 0.06 * bound if low > -bound else 1.3 * low
    axes.set_ylim(bottom, 1.3 * high if high > bound else high + 0.06 * bound)
    inner = MaxNLocator(5).tick_values(max(low, -bound), min(high, bound))
    outer = round_numbers(1.8 * bound, max(1.3 * high, 2 * bound))
    below = [-tick for tick in round_numbers(1.8 * bound, max(-1.3 * low, 2 * bound))]
    ticks = {float(tick) for tick in inner if abs(tick) <= bound}.union(outer, below)
    bottom, top = axes.get_ylim()
    _fix(axes, sorted(tick for tick in ticks if bottom <= tick <= top))


def _fix(axes: Axes, ticks: Sequence[float]) -> None:
    """Set these ticks, without those that would stand too near the one below."""
    places = np.array([(0.0, tick) for tick in ticks]).reshape(-1, 2)
    pixels: list[float] = axes.transData.transform(places)[:, 1].tolist()
    kept: list[float] = []
    last = -float("inf")
    for tick, pixel in zip(ticks, pixels, strict=True):
        if pixel - last >= NEAREST:
            kept.append(tick)
            last = pixel
    axes.yaxis.set_major_locator(FixedLocator(kept))
    axes.yaxis.set_minor_locator(NullLocator())
