"""Edits of a recipe that keep its code alive: each is tried on the forecast before it is told.

Letters: lambda_i the eigenvalues of M, falling; K latents.
"""

from collections.abc import Callable, Iterator

from torch import Tensor

from vaestro.health.forecast.escape import Verdict, is_warm_up
from vaestro.health.forecast.forecast import Judgement
from vaestro.health.forecast.setting import Setting
from vaestro.health.remedies.cures import SUM
from vaestro.health.remedies.edits import Edits, ramp, rounded
from vaestro.probability.beta import Capacity, Geco

MOST_TOLD = 4
COMFORT = 8.0
"""A remedy's beta is so many times below the one at which the strongest direction just lives."""

FURTHER = (1, 4, 16)
"""Where that does not do, so many times further below."""

LONGER = (2, 4, 10)
"""How many times longer a run is proposed, at most the last."""

WANTED_NATS = 10.0
"""What a capacity target that ends too low is proposed to end at."""

WARM_ELBO = f"objective={{kind: elbo, beta: {ramp(1.0)}}}"
"""The bound of many draws has no beta that could rise."""


def against_collapse(
    made: Judgement, setting: Setting, would: Callable[[str], Verdict | None], probing: bool
) -> Edits:
    """The first MOST_TOLD edits under which `would` says ok, of each kind the mildest that does.

    `would` gives the verdict for the recipe with one edit applied, None where that is no recipe or
    the same one. `probing`: it trains a copy for that, so that it can see what a longer run does.
    Also of a run whose verdict is ok: what to change should its code die all the same. Nothing for
    a run that no prior term holds down.
    """
    if made.threshold.at == 0:
        return ()
    good: list[str] = []
    for alternatives in _candidates(made, setting, probing):
        good += next(([edit] for edit in alternatives if would(edit) == "ok"), [])
    return tuple(dict.fromkeys(good))[:MOST_TOLD]


def _candidates(made: Judgement, setting: Setting, probing: bool) -> Iterator[Edits]:
    values = made.values
    if setting.controlled:
        yield from _of_controllers(values, setting)
        return
    if setting.importance:
        yield _variances(values, setting)
        yield (WARM_ELBO,)
        return
    beta = setting.final_beta
    if made.verdict == "at_risk" or (made.verdict == "ok" and not _warm(values, setting)):
        yield (f"objective.beta={ramp(beta)}",)
    if made.verdict != "collapse" and probing:
        yield tuple(f"training.epochs={setting.training.epochs * n}" for n in LONGER)
    if setting.objective.reduction != "sum":
        yield (SUM,)
        yield (f"objective={{reduction: sum, beta: {ramp(beta)}}}",)
    lower = [setting.as_recipe(float(values[0]) / setting.noise / COMFORT / n) for n in FURTHER]
    yield tuple(f"objective.beta={ramp(rounded(value))}" for value in lower)
    yield tuple(f"objective.beta={rounded(value):g}" for value in lower)
    yield _variances(values, setting)
    yield from _sums(values, setting)


def _warm(values: Tensor, setting: Setting) -> bool:
    betas = [beta * setting.noise for beta, _ in setting.pressures()]
    return is_warm_up(betas, float(values[0]))


def _sums(values: Tensor, setting: Setting) -> Iterator[Edits]:
    """Summing alone does not do: sum, and a beta that lets the strongest direction live."""
    if setting.objective.reduction != "sum":
        lower = rounded(float(values[0]) / setting.noise / COMFORT)
        yield (f"objective={{reduction: sum, beta: {ramp(lower)}}}",)


def _variances(values: Tensor, setting: Setting) -> Edits:
    """A smaller fixed variance does what a smaller beta does."""
    fixed = setting.fixed_variance
    if fixed is None:
        return ()
    effective = setting.effective(setting.final_beta) * setting.noise
    factors = (float(values[0]) / effective / COMFORT / n for n in FURTHER)
    return tuple(f"model.likelihood.variance={rounded(fixed * factor):g}" for factor in factors)


def _of_controllers(values: Tensor, setting: Setting) -> Iterator[Edits]:
    """Another target, or a schedule in the controller's place."""
    match setting.objective.beta:
        case Capacity():
            yield (f"objective.beta.end={WANTED_NATS:g}",)
        case Geco() as geco:
            lower = float(values[0]) / COMFORT
            gain = 0.5 * float((values[: setting.latent] - lower).clamp(min=0).sum())
            target = geco.target - max(gain, 0.01 * abs(geco.target))
            yield (f"objective.beta.target={target:.4g}",)
            yield (f"objective.beta.maximum={rounded(setting.as_recipe(lower)):g}",)
    yield ("objective.beta=linear",)
