"""A variance that is fitted per element can make the density unbounded: is its floor in place?

Shape letters: M samples, * the sample's axes.
"""

import math
from typing import NamedTuple

from torch import Tensor

from vaestro.health.finding import Finding
from vaestro.health.remedies.cures import FLOOR
from vaestro.health.remedies.edits import floored
from vaestro.models.config import ModelConfig
from vaestro.models.vae import VAE
from vaestro.probability.likelihoods.spread import Fitted
from vaestro.probability.likelihoods.spread_parts import FittedSpread

LOW_FLOOR = 1e-6
"""A variance floor below this share of the data's own variance bounds nothing that matters."""


class _Fit(NamedTuple):
    """`name`: the recipe's field; `floor`: the smallest variance; `power`: quantity ** power is a
    variance (1 for a Gaussian's variance, 2 for a scale)."""

    name: str
    floor: float
    power: int


def fitted_variance_findings(vae: VAE, model: ModelConfig, x: Tensor) -> tuple[Finding, ...]:
    """Constant elements under a fitted spread, and a floor too low or too high for the data.

    x: (M, *) in model space. Nothing is said of likelihoods whose spread is not fitted, nor of a
    probability mass, which is bounded by 0.
    """
    fit = _fitted(vae, model)
    if fit is None or vae.likelihood.discrete:
        return ()
    variance = x.double().var(0, correction=0)
    constant = int((variance <= 1e-12 * variance.max().clamp(min=1e-30)).sum())
    typical = float(variance.mean())
    found: list[Finding | None] = [
        _constant_elements(fit, constant, variance.numel(), typical, model) if constant else None,
        _low(fit, typical) if fit.floor < LOW_FLOOR * typical else None,
        _high(fit, typical) if fit.floor > typical > 0 else None,
    ]
    return tuple(finding for finding in found if finding is not None)


def _fitted(vae: VAE, model: ModelConfig) -> _Fit | None:
    config = model.likelihood
    names = [n for n in type(config).model_fields if isinstance(getattr(config, n), Fitted)]
    spread = next((m for m in vae.likelihood.modules() if isinstance(m, FittedSpread)), None)
    if not names or spread is None or names[0] == "dispersion":
        return None
    power = 1 if names[0] == "variance" else 2
    return _Fit(names[0], math.exp(spread.log_floor) ** power, power)


def _constant_elements(
    fit: _Fit, constant: int, elements: int, typical: float, model: ModelConfig
) -> Finding:
    nats = -0.5 * constant * (math.log(2.0 * math.pi * fit.floor) + 1.0)
    better = "shared" if model.likelihood.kind in _NO_OPTIMAL else "optimal"
    return Finding(
        "unbounded_variance",
        f"{constant} of {elements} elements are the same in every sample: their fitted variance "
        f"falls to its floor of {fit.floor:.3g}, where they earn up to {nats:.4g} nats that say "
        "nothing about the model and multiply gradients by "
        f"{1.0 / fit.floor:.3g}",
        {
            "constant_elements": constant,
            "elements": elements,
            "floor": fit.floor,
            "nats_at_floor": nats,
        },
        (f"model.likelihood.{fit.name}={better}", _floored(fit, 0.01 * typical, typical)),
    )


_NO_OPTIMAL = ("student-t", "discretised-logistic", "negative-binomial")


def _low(fit: _Fit, typical: float) -> Finding:
    return Finding(
        "unbounded_variance",
        f"the fitted variance may fall to {fit.floor:.3g} and the data's own is {typical:.3g}: "
        "the density is all but unbounded, and an element that is fitted well multiplies "
        f"gradients by {1.0 / fit.floor:.3g}",
        {"floor": fit.floor, "data_variance": typical},
        (_floored(fit, FLOOR * typical, typical),),
    )


def _high(fit: _Fit, typical: float) -> Finding:
    return Finding(
        "at_risk",
        f"the fitted variance cannot fall below {fit.floor:.3g} and the data's own is only "
        f"{typical:.3g}: every element is explained by noise alone",
        {"floor": fit.floor, "data_variance": typical},
        (_floored(fit, FLOOR * typical, typical),),
    )


def _floored(fit: _Fit, floor: float, initial: float) -> str:
    """The edit that gives the fitted quantity this floor and start, both told as variances."""
    low, start = (max(v, 1e-11) ** (1 / fit.power) for v in (floor, initial))
    return floored(fit.name, low, start)
