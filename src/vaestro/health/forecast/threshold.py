"""What eigenvalues of M are measured against, whatever the recipe's objective is.

Letters: K latents, lambda_i eigenvalues of M, b the effective beta.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

from vaestro.health.forecast.setting import Setting
from vaestro.probability.beta import Capacity, Geco
from vaestro.probability.posterior import DeterministicConfig


class Threshold(NamedTuple):
    """at: the eigenvalue above which a direction lives, 0 where nothing holds any down;
    effective: the effective beta, None where the objective has no such number; reasons: what a
    reader has to know of it."""

    at: float
    effective: float | None
    reasons: tuple[str, ...] = ()


def threshold(setting: Setting, values: Tensor, constant: float) -> Threshold:
    """The threshold for eigenvalues `values` (falling) of M, and the constant's nats R0.

    A schedule counts at its end. A controller is taken to settle where a linear model would: a
    capacity target at the b whose prior term is its nats, GECO at the b whose data term is its
    target (R0 - R = sum (lambda_i - b)/2, exact for a Gaussian, second order for others).
    """
    if setting.prior == "adversarial":
        return Threshold(0.0, None, (ADVERSARIAL,))
    if isinstance(setting.posterior, DeterministicConfig):
        return Threshold(0.0, None, (PLAIN,))
    values = values[: setting.latent]
    match setting.objective.beta:
        case Capacity() as capacity:
            return _capacity(setting, capacity, values)
        case Geco() as geco:
            return _geco(setting, geco, values, constant)
    effective = setting.effective(setting.final_beta)
    if effective == 0:
        return Threshold(0.0, 0.0, (UNWEIGHTED,))
    at = effective * setting.noise
    return Threshold(at, effective, tuple(_notes(setting, at)))


PLAIN = (
    "A plain autoencoder has no prior term, so it cannot collapse; the eigenvalues are given "
    "relative to 1."
)
ADVERSARIAL = (
    "The adversarial prior has a discriminator in place of the KL, so the threshold does not "
    "apply; the eigenvalues are given relative to 1."
)
UNWEIGHTED = (
    "beta ends at 0: nothing holds a latent dimension down, and nothing makes samples from the "
    "prior look like data; the eigenvalues are given relative to 1."
)
IMPORTANCE = (
    "The importance-weighted bound has the threshold of the ELBO at beta 1: both ends, the ELBO "
    "and log p(x), do."
)


def _notes(setting: Setting, at: float) -> list[str]:
    notes = []
    if setting.importance:
        notes.append(IMPORTANCE)
    if setting.noise != 1:
        notes.append(
            f"The sampler's noise has variance {setting.noise:.4g}, so a direction lives above "
            f"{at:.4g}, the effective beta times that."
        )
    if setting.objective.free_bits > 0:
        notes.append(
            f"The first {setting.objective.free_bits:g} nats of each latent dimension cost nothing "
            "(objective.free_bits), so the collapsed state is not stable."
        )
    if setting.prior in ("mixture", "regression"):
        notes.append(
            f"The threshold is that of one standard normal prior; a {setting.prior} prior moves "
            "while it trains, and holds the codes less."
        )
    return notes


def _capacity(setting: Setting, capacity: Capacity, values: Tensor) -> Threshold:
    """The b at which a linear model's KL is the capacity, at most gamma's."""
    largest, strongest = float(values[0]), setting.effective(capacity.gamma)
    if capacity.end <= 0:
        return Threshold(
            math.inf,
            None,
            ("The capacity ends at 0 nats: the prior term is held at 0, which is collapse.",),
        )
    settles = min(_bisect(lambda b: _rate(values, b) - capacity.end, largest), strongest)
    return Threshold(
        settles * setting.noise,
        settles,
        (
            f"The capacity target holds the prior term at {capacity.end:g} nats; a linear model "
            f"pays that at an effective beta of {settles:.4g}, which stands for it here.",
        ),
    )


def _geco(setting: Setting, geco: Geco, values: Tensor, constant: float) -> Threshold:
    """The b at which a linear model's data term is the target."""
    asked = constant - geco.target
    low, high = setting.effective(geco.minimum), setting.effective(geco.maximum)
    if asked <= 0:
        return Threshold(
            high * setting.noise,
            high,
            (
                f"GECO's target of {geco.target:g} nats is met by a constant output "
                f"({constant:.4g} nats): beta rises to its maximum of {geco.maximum:g}.",
            ),
        )
    settles = _bisect(lambda b: _gain(values, b) - asked, float(values[0]))
    settles = min(max(settles, low), high)
    return Threshold(
        settles * setting.noise,
        settles,
        (
            f"GECO lowers beta until the data term is {geco.target:g} nats; a linear model is "
            f"there at an effective beta of {settles:.4g}, which stands for it here.",
        ),
    )


def _rate(values: Tensor, b: float) -> float:
    """The KL of the linear optimum: sum 1/2 log(lambda_i / b)."""
    return 0.5 * float((values / b).clamp(min=1).log().sum())


def _gain(values: Tensor, b: float) -> float:
    """How far the linear optimum's data term is below the constant's: sum (lambda_i - b)/2."""
    return 0.5 * float((values - b).clamp(min=0).sum())


def _bisect(excess: Callable[[float], float], largest: float) -> float:
    """Where `excess(b)`, which falls in b, is 0 between 1e-12 of the largest eigenvalue and it."""
    low, high = math.log(max(largest, 1e-300)) - 28, math.log(max(largest, 1e-300))
    for _ in range(80):
        middle = 0.5 * (low + high)
        if excess(math.exp(middle)) > 0:
            low = middle
        else:
            high = middle
    return math.exp(0.5 * (low + high))
