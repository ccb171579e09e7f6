"""The vertical scale of a quantity in nats, which may start a thousand times above where it ends.

Plain when the values are close together; logarithmic when they are positive and far apart; linear
up to a bound and logarithmic beyond it when some are negative (the data term of a density).
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from vaestro.reports.figures import style

Scale = Literal["linear", "log", "symlog"]
FAR_APART = 6.0
"""Values whose largest is more than so many times the span where they settle need a log scale."""
LABELLED = 5
"""About how many ticks a log scale carries."""


def choose(drawn: Sequence[float], settled: Sequence[float]) -> Scale:
    """The scale for finite values `drawn`, of which `settled` are those late in the run."""
    low, high = min(drawn), max(drawn)
    if low > 0:
        return "log" if high > FAR_APART * low else "linear"
    late = list(settled) or list(drawn)
    span = max(late) - min(late)
    bound = max(map(abs, late))
    return "symlog" if high - low > FAR_APART * max(span, bound, 1e-9) else "linear"


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
        axes.yaxis.set_major_locator(MaxNLocator(5))


def round_numbers(low: float, high: float) -> list[float]:
    """Ticks 1, 2, 5 times powers of ten between two positive ends, thinned to about LABELLED."""
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    for digits in ((1, 2, 3, 4, 5, 6, 8), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,)):
        ticks = [digit * 10.0**power for power in powers for digit in digits]
        inside = [tick for tick in ticks if low <= tick <= high]
        if len(inside) <= LABELLED + 2:
            return inside
    return inside[:: -(-len(inside) // LABELLED)]


def _linear_then_log(axes: Axes, drawn: Sequence[float], settled: Sequence[float]) -> None:
    """Linear to a round bound around the settled values, logarithmic beyond it."""
    late = max(map(abs, settled or drawn))
    bound = 10.0 ** np.ceil(np.log10(max(late, 1e-3)))
    axes.set_yscale("symlog", linthresh=bound, linscale=2.5)
    low, high = min(drawn), max(drawn)
    axes.set_ylim(low - 0.06 * bound, max(high * 1.3, bound) if high > 0 else 0.06 * bound)
    inner = MaxNLocator(5).tick_values(max(low, -bound), min(high, bound))
    decades = [bound * 10.0**n for n in range(1, 9)]
    ticks = [float(tick) for tick in inner if abs(tick) <= bound] + decades
    ticks += [-tick for tick in decades]
    bottom, top = axes.get_ylim()
    _fix(axes, sorted(tick for tick in set(ticks) if bottom <= tick <= top))


def _fix(axes: Axes, ticks: Sequence[float]) -> None:
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_minor_locator(NullLocator())
