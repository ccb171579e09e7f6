"""Independent log-densities of every likelihood, in float64, by numpy, scipy and mpmath.

They share no line with the package: floors, compression and parametrisation are written again.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter
from scipy import special, stats

from vaestro.foundation.samples import SampleSpec, ValueKind
from vaestro.probability.likelihoods.kinds import LikelihoodConfig, build_likelihood
from vaestro.probability.likelihoods.likelihood import Likelihood

Array = NDArray[np.float64]
LEVELS = 32
SPREADS: list[Any] = [{"kind": "fixed", "value": 0.1}, {"kind": "shared", "initial": 0.7}]
FITTED: list[Any] = ["fitted", {"kind": "fitted", "floor": 0.02}]
FIELDS = {
    "gaussian": "variance",
    "laplace": "scale",
    "student-t": "scale",
    "negative-binomial": "dispersion",
    "discretised-logistic": "scale",
}
KINDS = ["bernoulli", "continuous-bernoulli", "poisson", *FIELDS]


def spec_of(values: ValueKind, shape: tuple[int, ...] = (3, 2, 4)) -> SampleSpec:
    quantised = values == "unit"
    return SampleSpec(
        shape, values, 1 / (LEVELS - 1) if quantised else 1.0, LEVELS if quantised else None
    )


@dataclass(frozen=True)
class Case:
    """A configuration of a likelihood and the kind of data it is tried on."""

    config: dict[str, Any]
    values: ValueKind

    @property
    def spread(self) -> Any:
        """The configuration of its spread, None for a family without."""
        return self.config.get(FIELDS.get(self.config["kind"], ""))

    @property
    def fitted(self) -> bool:
        spread = self.spread
        return spread == "fitted" or (isinstance(spread, dict) and spread["kind"] == "fitted")

    def build(self, shape: tuple[int, ...] = (3, 2, 4)) -> Likelihood:
        config = TypeAdapter(LikelihoodConfig).validate_python(self.config)
        return build_likelihood(config, spec_of(self.values, shape))

    def __str__(self) -> str:
        return "-".join(map(str, [*self.config.values(), self.values]))


def cases() -> list[Case]:
    """Every family with every spread, on each kind of data where that matters."""
    plain = [
        Case({"kind": "bernoulli"}, "binary"),
        Case({"kind": "bernoulli"}, "unit"),
        Case({"kind": "continuous-bernoulli"}, "unit"),
        Case({"kind": "poisson"}, "counts"),
    ]
    for kind, field in FIELDS.items():
        values: ValueKind = {"negative-binomial": "counts", "discretised-logistic": "unit"}.get(
            kind, "real"
        )  # type: ignore[assignment]
        optimal = ["optimal"] if kind in ("gaussian", "laplace") else []
        for spread in [*SPREADS, *FITTED, *optimal]:
            plain.append(Case({"kind": kind, field: spread}, values))
    plain.append(Case({"kind": "gaussian", "variance": "fitted"}, "unit"))
    plain.append(Case({"kind": "laplace", "scale": "fitted"}, "unit"))
    plain.append(Case({"kind": "student-t", "degrees": 1.5, "scale": "fitted"}, "unit"))
    return plain


def compressed(value: Array, low: float, high: float) -> Array:
    over, under = np.maximum(value - high, 0), np.maximum(low - value, 0)
    return np.clip(value, low, high) + np.log1p(over) - np.log1p(under)


def tied_floor(case: Case) -> float:
    """What `floor: null` is documented to mean."""
    variance = (1 / (LEVELS - 1)) ** 2 / 12 if case.values == "unit" else 1e-4
    return {
        "gaussian": variance,
        "laplace": math.sqrt(variance / 2),
        "student-t": math.sqrt(variance),
        "negative-binomial": 1e-4,
        "discretised-logistic": 1 / (LEVELS - 1) / 20,
    }[case.config["kind"]]


def quantity(case: Case, x: Array, outputs: Array) -> Array:
    """The spread's quantity, broadcast to x."""
    spread = case.spread
    if case.fitted:
        floor = tied_floor(case) if spread == "fitted" else spread["floor"]
        low = math.log(floor)
        return floor + np.exp(compressed(outputs[:, 1], low, low + 40))
    if spread == "optimal":
        error = np.abs(x - outputs[:, 0])
        value = np.mean(error**2 if case.config["kind"] == "gaussian" else error)
    else:
        value = spread.get("value", spread.get("initial"))
    return np.full_like(x, value)


def log_prob(case: Case, x: Array, outputs: Array) -> Array:
    """log p(x | outputs), (B,), as the documentation of `case`'s kind has it."""
    location = outputs[:, 0]
    spread = quantity(case, x, outputs) if case.spread is not None else np.ones_like(x)
    elementwise: dict[str, Callable[[], Array]] = {
        "bernoulli": lambda: (
            x * special.log_expit(location) + (1 - x) * special.log_expit(-location)
        ),
        "continuous-bernoulli": lambda: truncated_exponential(x, location),
        "gaussian": lambda: stats.norm.logpdf(x, location, np.sqrt(spread)),
        # scipy's own logpdf of Laplace is the log of a density that underflows
        "laplace": lambda: -np.abs(x - location) / spread - np.log(2 * spread),
        "student-t": lambda: stats.t.logpdf(x, case.config.get("degrees", 4.0), location, spread),
        "poisson": lambda: stats.poisson.logpmf(x, np.exp(compressed(location, -20, 20))),
        "negative-binomial": lambda: exactly(
            negative_binomial, x, compressed(location, -20, 20), spread
        ),
        "discretised-logistic": lambda: exactly(logistic_bin, x, location, spread),
    }
    return elementwise[case.config["kind"]]().reshape(len(x), -1).sum(1)


def truncated_exponential(x: Array, eta: Array) -> Array:
    """The continuous Bernoulli is an exponential cut at 1, mirrored where eta > 0."""
    rate = np.maximum(np.abs(eta), 1e-300)
    short = np.where(eta > 0, 1 - x, x)
    inside = np.minimum(short * rate, rate)  # 1 * rate / rate may round to beyond the cut
    return stats.truncexpon.logpdf(inside, b=rate) + np.log(rate)


def exactly(formula: Callable[..., Any], *arrays: Array) -> Array:
    """`formula` on each element in 60 digits."""
    with mpmath.workdps(60):
        return np.vectorize(lambda *v: float(formula(*map(mpmath.mpf, v))), otypes=[float])(*arrays)


def negative_binomial(x: Any, log_mean: Any, r: Any) -> Any:
    mean = mpmath.exp(log_mean)
    ways = mpmath.loggamma(x + r) - mpmath.loggamma(r) - mpmath.loggamma(x + 1)
    return ways + r * mpmath.log(r / (r + mean)) + x * mpmath.log(mean / (r + mean))


def logistic_bin(x: Any, location: Any, scale: Any) -> Any:
    width = mpmath.mpf(1 / (LEVELS - 1))
    level = mpmath.nint(x / width)

    def below(edge: Any) -> Any:
        return 1 / (1 + mpmath.exp(-(edge * width - location) / scale))

    upper = 1 if level == LEVELS - 1 else below(level + mpmath.mpf("0.5"))
    lower = 0 if level == 0 else below(level - mpmath.mpf("0.5"))
    if lower > 0.5:  # by the other tail: 60 digits are none beyond 140 scales
        return mpmath.log(_upper_tail(level, width, location, scale))
    return mpmath.log(upper - lower)


def _upper_tail(level: Any, width: Any, location: Any, scale: Any) -> Any:
    def above(edge: Any) -> Any:
        return 1 / (1 + mpmath.exp((edge * width - location) / scale))

    half = mpmath.mpf("0.5")
    rest = 0 if level == LEVELS - 1 else above(level + half)
    return above(level - half) - rest


def draw_x(case: Case, generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Data of the case's kind: ends of the range included."""
    match case.values:
        case "binary":
            return generator.integers(0, 2, shape).astype(float)
        case "unit":
            return generator.integers(0, LEVELS, shape) / (LEVELS - 1)
        case "counts":
            return np.minimum(generator.geometric(0.02, shape) - 1, 400).astype(float)
        case "real":
            return generator.normal(size=shape) * 2
