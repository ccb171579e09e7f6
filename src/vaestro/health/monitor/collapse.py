"""When a run without a live dimension is certain to end without one.

Near the collapsed state the KL is a sum of terms c exp(g t), one for each direction of the data,
with g > 0 where the direction is unstable (linearised; health/forecast). What may still grow is at
most all of the KL there is, and it was at least a small share of the KL at the start. So between
the two it grew at most at the rate `growth_bound`, which tells how long it needs to become live.
"""

import math
from typing import NamedTuple

from vaestro.metrics.live import LIVE_NATS

MOST_KEPT = 64
"""A window keeps so many records; a longer one is thinned to every second."""

LEAST_STEPS = 300
"""No run is judged on fewer steps at full beta: the optimiser has to find its pace."""

HIDDEN = 1e-3
"""A growing direction had at least this share of the KL at the window's start."""

SAFETY = 2.0
"""The run is certain only if it were not live even growing so many times faster than the bound."""

STABLE = 0.9
"""Below this, the largest eigenvalue relative to the effective beta proves the collapsed state
stable; sampling only inflates it."""

Window = list[list[float]]
"""[step, largest KL of a dimension] of training records in a row, at full beta, none of it live."""


class Outlook(NamedTuple):
    """`certain`: no dimension will be live at the end. `growth`: the fitted rate of the KL's
    logarithm, per 1,000 steps; `needed`: the rate at which it would have to grow from now on."""

    certain: bool
    growth: float
    needed: float


def seen(window: Window, step: int, nats: float) -> Window:
    """The window with one more record, thinned when it is long; its first stays."""
    window = [*window, [float(step), float(nats)]]
    if len(window) <= MOST_KEPT:
        return window
    return [*window[:-1:2], window[-1]]


def outlook(window: Window, remaining: int, patience: int, eigenvalue: float | None) -> Outlook:
    """What the window says about the `remaining` steps. `eigenvalue`: the forecast's largest one,
    relative to the effective beta, if it is known."""
    last_step, last = window[-1]
    passed = last_step - window[0][0]
    growth, error = _slope(window)
    needed = math.log(LIVE_NATS / max(last, 1e-12)) / max(remaining, 1)
    told = Outlook(False, 1000 * growth, 1000 * needed)
    if len(window) < patience or passed < LEAST_STEPS:
        return told
    if eigenvalue is not None and eigenvalue < STABLE:
        return told._replace(certain=growth <= error)
    bound = max(growth + 3 * error, growth_bound(window), 0.0)
    return told._replace(certain=needed > SAFETY * bound)


def growth_bound(window: Window) -> float:
    """The largest rate (per step) at which a direction can have grown over the window."""
    first, last = window[0], window[-1]
    hidden = HIDDEN * max(first[1], 1e-12)
    return math.log(max(last[1], 1e-12) / hidden) / max(last[0] - first[0], 1.0)


def _slope(window: Window) -> tuple[float, float]:
    """The least-squares slope of log KL by step over the newer half, and its standard error."""
    half = window[len(window) // 2 - 1 :] if len(window) > 5 else window
    if len(half) < 3:
        return 0.0, math.inf
    steps = [step for step, _ in half]
    logs = [math.log(max(nats, 1e-12)) for _, nats in half]
    centre, level = sum(steps) / len(half), sum(logs) / len(half)
    spread = sum((step - centre) ** 2 for step in steps)
    if spread == 0:
        return 0.0, math.inf
    pairs = list(zip(steps, logs, strict=True))
    slope = sum((step - centre) * (log - level) for step, log in pairs) / spread
    rest = sum((log - level - slope * (step - centre)) ** 2 for step, log in pairs)
    return slope, math.sqrt(rest / (len(half) - 2) / spread)
