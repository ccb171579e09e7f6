"""Every sampler draws from the density that log_prob states."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from tests.likelihood_references import LEVELS, Case
from vaestro.foundation.samples import ValueKind

DRAWS = 100_000

# configuration, outputs (P), the distribution
CONTINUOUS: list[tuple[dict[str, Any], list[float], Any]] = [
    ({"kind": "continuous-bernoulli"}, [3.0], stats.truncexpon(3, loc=-1, scale=1 / 3)),
    ({"kind": "continuous-bernoulli"}, [-40.0], stats.truncexpon(40, scale=1 / 40)),
    ({"kind": "continuous-bernoulli"}, [0.0], stats.uniform()),
    ({"kind": "gaussian", "variance": 0.25}, [3.0], stats.norm(3, 0.5)),
    (
        {"kind": "gaussian", "variance": {"kind": "fitted", "floor": 0.5}},
        [1.0, math.log(1.5)],
        stats.norm(1, math.sqrt(2)),
    ),
    ({"kind": "laplace", "scale": 0.5}, [3.0], stats.laplace(3, 0.5)),
    ({"kind": "student-t", "degrees": 9, "scale": 0.5}, [3.0], stats.t(9, 3, 0.5)),
    ({"kind": "student-t", "degrees": 1.0, "scale": 0.5}, [3.0], stats.t(1, 3, 0.5)),
]
COUNTS: list[tuple[dict[str, Any], list[float], ValueKind, int]] = [
    ({"kind": "bernoulli"}, [-1.2], "binary", 2),
    ({"kind": "poisson"}, [1.7], "counts", 40),
    ({"kind": "negative-binomial", "dispersion": 0.7}, [1.2], "counts", 120),
    ({"kind": "negative-binomial", "dispersion": "fitted"}, [1.2, 3.0], "counts", 60),
    ({"kind": "discretised-logistic", "scale": 0.1}, [0.2], "unit", LEVELS),
    ({"kind": "discretised-logistic", "scale": "fitted"}, [0.52, -5.0], "unit", LEVELS),
]


def draw(case: Case, outputs: list[float]) -> tuple[Tensor, Tensor]:
    """DRAWS draws (DRAWS, 1) in float64 and their mean by the likelihood."""
    given = torch.tensor(outputs, dtype=torch.float64)[None, :, None].expand(DRAWS, -1, 1)
    likelihood = case.build((1,))
    random = torch.Generator().manual_seed(1)
    return likelihood.sample(given, random).detach(), likelihood.mean(given[:1]).detach()


@pytest.mark.parametrize(("config", "outputs", "distribution"), CONTINUOUS)
def test_continuous_draws(config: dict[str, Any], outputs: list[float], distribution: Any) -> None:
    values: ValueKind = "unit" if config["kind"] == "continuous-bernoulli" else "real"
    draws, mean = draw(Case(config, values), outputs)
    sample = draws.numpy().ravel()
    if config["kind"] == "continuous-bernoulli" and outputs[0] > 0:
        sample, mean = -sample, -mean
    assert stats.kstest(sample, distribution.cdf).pvalue > 1e-3
    if config.get("degrees") == 1.0:
        assert float(mean) == distribution.median()
        return
    assert float(mean) == pytest.approx(distribution.mean(), rel=1e-9)
    assert abs(sample.mean() - distribution.mean()) < 4 * distribution.std() / math.sqrt(DRAWS)
    fourth = float(distribution.stats("k")) + 2  # variance of the sample variance, over var^2 / n
    allowed = 4 * distribution.var() * math.sqrt(fourth / DRAWS)
    assert abs(sample.var() - distribution.var()) < allowed


@pytest.mark.parametrize(("config", "outputs", "values", "top"), COUNTS)
def test_discrete_draws(
    config: dict[str, Any], outputs: list[float], values: ValueKind, top: int
) -> None:
    case = Case(config, values)
    draws, mean = draw(case, outputs)
    unit = 1 / (LEVELS - 1) if values == "unit" else 1.0
    support = torch.arange(top, dtype=torch.float64)[:, None] * unit
    given = torch.tensor(outputs, dtype=torch.float64)[None, :, None].expand(top, -1, 1)
    mass = case.build((1,)).log_prob(support, given).exp().detach().numpy()
    assert mass.sum() == pytest.approx(1.0, abs=1e-5)
    levels = np.rint(draws.numpy().ravel() / unit).astype(int)
    assert np.allclose(levels * unit, draws.numpy().ravel(), atol=1e-12)
    found = np.bincount(levels, minlength=top)[:top]
    common = mass * DRAWS > 20
    deviation = (found - mass * DRAWS)[common] / np.sqrt(mass * (1 - mass) * DRAWS)[common]
    assert common.sum() >= 2 and np.abs(deviation).max() < 4.5
    points = support.numpy().ravel()
    expected = mass @ points
    variance = mass @ (points - expected) ** 2
    fourth = mass @ (points - expected) ** 4
    assert float(mean) == pytest.approx(expected, rel=2e-4)
    assert abs(draws.mean().item() - expected) < 4 * math.sqrt(variance / DRAWS)
    allowed = 4 * math.sqrt((fourth - variance**2) / DRAWS)
    assert abs(draws.var().item() - variance) < allowed


def test_draws_follow_the_generator_alone() -> None:
    for config, outputs, values, _ in COUNTS:
        likelihood = Case(config, values).build((1,))
        given = torch.tensor(outputs)[None, :, None].expand(50, -1, 1)
        first, again, other = (
            likelihood.sample(given, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
        )
        assert torch.equal(first, again) and not torch.equal(first, other)
