"""Edits of a recipe that make a forecast ok: each is tried before it is told.

A remedy is one `field=value` that `--set` takes. Letters: m the largest eigenvalue of M, K latents.
"""

import math
from collections.abc import Callable, Iterator

from torch import Tensor

from vaestro.health.forecast.escape import Verdict
from vaestro.health.forecast.forecast import Judgement
from vaestro.health.forecast.setting import Setting
from vaestro.probability.beta import Capacity, Geco

MOST_TOLD = 4
COMFORT = 8.0
"""A remedy's beta is so many times below the one at which the strongest direction just lives."""

RAMP = "0.5 of run"
LONGER = (2, 4, 10)
"""How many times longer a run is proposed, at most the last."""

WANTED_NATS = 10.0
"""What a capacity target that ends too low is proposed to end at."""


def remedies(
    made: Judgement, setting: Setting, would: Callable[[str], Verdict | None]
) -> tuple[str, ...]:
    """The first MOST_TOLD edits under which `would` says ok; none where it is ok already.

    `would` gives the verdict for the recipe with one edit applied, None where that is no recipe.
    """
    if made.verdict == "ok":
        return ()
    good: list[str] = []
    for candidate in _candidates(made.values, setting, made.verdict):
        if candidate not in good and would(candidate) == "ok":
            good.append(candidate)
        if len(good) == MOST_TOLD:
            break
    return tuple(good)


def _candidates(values: Tensor, setting: Setting, verdict: Verdict) -> Iterator[str]:
    if setting.controlled:
        yield from _of_controllers(values, setting)
        return
    if setting.importance:
        yield from _variances(values, setting)
        return
    if verdict == "at_risk":
        yield f"objective.beta={_ramp(setting.final_beta)}"
        yield from (f"training.epochs={setting.training.epochs * n}" for n in LONGER)
    beta = setting.final_beta
    if setting.objective.reduction != "sum":
        yield "objective.reduction=sum"
        yield f"objective={{reduction: sum, beta: {_ramp(beta)}}}"
    lower = setting.as_recipe(float(values[0]) / setting.noise / COMFORT)
    yield f"objective.beta={_ramp(rounded(lower))}"
    yield f"objective.beta={rounded(lower):g}"
    yield from _variances(values, setting)
    for further in (4, 16):
        yield f"objective.beta={_ramp(rounded(lower / further))}"
        yield f"objective.beta={rounded(lower / further):g}"
    yield from _sums(values, setting)


def _sums(values: Tensor, setting: Setting) -> Iterator[str]:
    """Summing alone does not do: sum, and a beta that lets the strongest direction live."""
    if setting.objective.reduction != "sum":
        lower = rounded(float(values[0]) / setting.noise / COMFORT)
        yield f"objective={{reduction: sum, beta: {_ramp(lower)}}}"


def _variances(values: Tensor, setting: Setting) -> Iterator[str]:
    """A smaller fixed variance does what a smaller beta does."""
    if setting.fixed_variance is None:
        return
    effective = setting.effective(setting.final_beta) * setting.noise
    for further in (1, 4, 16):
        factor = float(values[0]) / effective / COMFORT / further
        yield f"model.likelihood.variance={rounded(setting.fixed_variance * factor):g}"


def _of_controllers(values: Tensor, setting: Setting) -> Iterator[str]:
    match setting.objective.beta:
        case Capacity():
            yield f"objective.beta.end={WANTED_NATS:g}"
        case Geco() as geco:
            lower = float(values[0]) / COMFORT
            gain = 0.5 * float((values[: setting.latent] - lower).clamp(min=0).sum())
            yield f"objective.beta.target={geco.target - max(gain, 0.01 * abs(geco.target)):.4g}"
            yield f"objective.beta.maximum={rounded(setting.as_recipe(lower)):g}"


def _ramp(end: float) -> str:
    return f"{{kind: linear, start: 0.0, end: {end:g}, length: {RAMP}}}"


def rounded(value: float) -> float:
    """`value` rounded down to two digits."""
    if value <= 0 or not math.isfinite(value):
        return value
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.floor(value / unit) * unit:.2g}")
