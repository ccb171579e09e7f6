"""Does a run leave the collapsed state in time? From a probe of its first steps, or by rule.

Above the threshold the collapsed state is a saddle in the space of encoders and decoders, but
training moves weights: it starts with an encoder whose code is mostly noise, the decoder unlearns
to listen to it within some ten to hundred steps, and only what is left then grows. Near the saddle
that growth is exponential in the steps (in gradient flow; Adam only changes its unit);
through several ReLU layers it is slower, since every layer on the way has shrunk. What is left and
how fast it grows depend on widths, depth, rate and batch: so they are measured, by `probe`.

    escape = P + ln(LIVE_GAIN * beta / gain_P) / g
    g = ln(gain_P / gain_{P/2}) / (P / 2) + DRIFT * (rho - 1) / P

with P the steps of the probe, beta the effective one and rho = lambda_1 / beta; infinite where g is
not positive and gain_P is small. The second part of g is what instability adds later: the fall from
the start is still in the first.
"""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

from vaestro.health.forecast.calibration import (
    DRIFT,
    LEAST_GAIN,
    LEAST_PROBE,
    LEAST_RATIO,
    LIVE_GAIN,
    NEAR,
    PROBE_SHARE,
    SURE_ESCAPE,
    WARM_GAIN,
)
from vaestro.health.forecast.linear_run import Start
from vaestro.health.forecast.probe import Mark

Verdict = Literal["collapse", "at_risk", "ok"]


class Growth(NamedTuple):
    """The code at the end of a probe of `steps` steps: `level` = ln(gain / effective beta), and
    `rate`, by how much that grows in a step; `start`: its state, where that was measured."""

    steps: int
    level: float
    rate: float
    start: Start | None = None


def growth(marks: Sequence[Mark], effective_beta: float) -> Growth:
    """Level and rate over the second half of a probe.

    The rate is taken between the last mark and the one nearest to half its step. Raises ValueError
    when there are fewer than two marks after step 0.
    """
    taken = [mark for mark in marks if mark.step > 0]
    if len(taken) < 2:
        raise ValueError("a growth needs two marks after step 0; give the probe more steps")
    last = taken[-1]
    half = min(taken[:-1], key=lambda mark: abs(mark.step - last.step / 2))
    levels = [math.log(max(mark.gain / effective_beta, LEAST_GAIN)) for mark in (half, last)]
    rate = (levels[1] - levels[0]) / (last.step - half.step)
    return Growth(last.step, levels[1], rate, last.start)


def expected_escape_steps(found: Growth, steps: int, ratio: float, full_at: int = 0) -> float:
    """Steps from the start of the run until its code has escaped; inf: not in time.

    `steps`: of the whole run; `ratio`: lambda_1 / effective beta; `full_at`: the step from which
    beta is full. Growth is exponential in the steps, a fall is followed on the scale of their
    logarithm, since falls slow down. Where beta was not full yet at the probe's end, a fall only
    follows beta; but the code must then be worth WARM_GAIN before beta is full, since part of it
    dies by that.
    """
    warming = full_at > found.steps
    wanted, deadline = math.log(WARM_GAIN if warming else LIVE_GAIN), full_at if warming else steps
    measured = max(found.rate, 0.0) if warming else found.rate
    rate = measured + DRIFT * (ratio - 1.0) / found.steps
    if found.level < wanted:
        escape = found.steps + (wanted - found.level) / rate if rate > 0 else math.inf
        return escape if escape <= deadline else math.inf
    fallen = found.level + min(0.0, rate) * found.steps * math.log(steps / found.steps)
    return float(found.steps) if fallen >= wanted else math.inf


def escape_verdict(
    ratio: float,
    steps: int,
    found: Growth | None,
    *,
    warmed_up: bool,
    full_at: int = 0,
    hidden_layers: int = 1,
) -> Verdict:
    """The verdict for `ratio` = lambda_1 / effective beta (the held-out one where there is one).

    collapse: `ratio` < LEAST_RATIO; at_risk: < NEAR, where only a lower beta helps. Else with a
    probe (`found`): ok if the escape is expected within `steps`, those of the run; `full_at` as in
    `expected_escape_steps`. Without a probe by rule: ok with a warm-up (`is_warm_up`), or above
    SURE_ESCAPE for the decoder's number of hidden layers.
    """
    if ratio < LEAST_RATIO:
        return "collapse"
    if ratio < NEAR:
        return "at_risk"
    if found is not None:
        escape = expected_escape_steps(found, steps, ratio, full_at)
        return "ok" if math.isfinite(escape) else "at_risk"
    sure = SURE_ESCAPE[min(hidden_layers, len(SURE_ESCAPE) - 1)]
    return "ok" if warmed_up or ratio >= sure else "at_risk"


def is_warm_up(betas: Sequence[float], largest: float) -> bool:
    """Whether a schedule lets the code grow first: it starts below a quarter of `largest`, which is
    lambda_1, and is there for a tenth of the run. `betas`: effective ones at evenly spaced steps.
    """
    below = sum(beta < largest / 4 for beta in betas)
    return betas[0] < largest / 4 and below >= 0.1 * len(betas)


def probe_steps(steps: int, share: float = PROBE_SHARE) -> int:
    """How many steps a probe that takes `share` of a run of `steps` steps has; 0: too few."""
    most = int(share * steps)
    return most if most >= LEAST_PROBE else 0
