"""Whitened scores at the best constant: against closed forms, and by automatic differentiation."""

import copy
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.conftest import small_recipe
from vaestro.foundation.samples import SampleSpec
from vaestro.health.baselines import Constant, best_constant, first_samples
from vaestro.health.forecast.score import (
    curvature,
    density_at,
    inverse_root,
    linear_scale,
    scores,
    whitened_scores,
)
from vaestro.probability.likelihoods.kinds import build_likelihood
from vaestro.probability.likelihoods.laplace import LaplaceConfig
from vaestro.probability.likelihoods.likelihood import Likelihood
from vaestro.probability.likelihoods.spread import Optimal
from vaestro.probability.likelihoods.spread_parts import OptimalSpread
from vaestro.transforms.moments import measure

SPECS = {
    "real": SampleSpec((5,), "real"),
    "unit": SampleSpec((5,), "unit"),
    "binary": SampleSpec((5,), "binary"),
    "counts": SampleSpec((5,), "counts", levels=30),
}
NAMES: list[tuple[dict[str, Any], str]] = [
    ({"kind": "gaussian", "variance": 0.3}, "real"),
    ({"kind": "gaussian", "variance": "shared"}, "real"),
    ({"kind": "gaussian", "variance": "optimal"}, "real"),
    ({"kind": "gaussian", "variance": "fitted"}, "real"),
    ({"kind": "bernoulli"}, "unit"),
    ({"kind": "continuous-bernoulli"}, "unit"),
    ({"kind": "poisson"}, "counts"),
    ({"kind": "laplace", "scale": "optimal"}, "real"),
    ({"kind": "laplace", "scale": "fitted"}, "real"),
    ({"kind": "student-t", "degrees": 5.0, "scale": "shared"}, "real"),
    ({"kind": "negative-binomial"}, "counts"),
    ({"kind": "discretised-logistic"}, "counts"),
    ({"kind": "laplace", "scale": 0.5}, "real"),
    ({"kind": "laplace", "scale": "shared"}, "real"),
    ({"kind": "student-t", "scale": 0.7}, "real"),
    ({"kind": "student-t", "degrees": 3.0, "scale": "fitted"}, "real"),
    ({"kind": "negative-binomial", "dispersion": 2.0}, "counts"),
    ({"kind": "negative-binomial", "dispersion": "fitted"}, "counts"),
    ({"kind": "discretised-logistic", "scale": 3.0}, "counts"),
    ({"kind": "discretised-logistic", "scale": "fitted"}, "counts"),
]


def likelihood_of(config: dict[str, Any], values: str) -> Likelihood:
    whole = small_recipe(model={"likelihood": config}).model.likelihood
    return build_likelihood(whole, SPECS[values])


def data(values: str, count: int = 1500) -> Tensor:
    source = torch.Generator().manual_seed(3)
    mixing = torch.tensor([[1.0, 0.5, 0, 0, 0], [0, 0, 0.7, 0.7, 0.2]])
    z = torch.randn(count, 2, generator=source)
    latent = z @ mixing + 0.5 * torch.randn(count, 5, generator=source)
    match values:
        case "real":
            return latent * torch.tensor([1.0, 2.0, 0.5, 1.0, 1.0]) + 3
        case "unit":
            return torch.sigmoid(latent)
        case "binary":
            return (latent > 0.3).float()
        case _:
            return torch.poisson(torch.exp(0.5 * latent + 1), generator=source).clamp(max=29)


def parts(likelihood: Likelihood, x: Tensor) -> tuple[Constant, Any, Any]:
    def batches() -> Any:
        return x.split(200)

    moments = measure(batches)
    constant = best_constant(likelihood, batches, moments)
    return constant, moments, whitened_scores(constant, batches, moments)


def largest(rows: Tensor) -> np.ndarray:
    return np.linalg.eigvalsh(np.cov(rows.double().numpy().T, bias=True))[::-1]


def searched(likelihood: Likelihood, x: Tensor) -> float:
    """The data term of the best constant, as L-BFGS finds it from the mean."""
    held = copy.deepcopy(likelihood).double().train()
    outputs = torch.nn.Parameter(held.initial_outputs(x.mean(0)).detach().clone())
    optimiser = torch.optim.LBFGS(
        [outputs, *held.parameters()],
        max_iter=200,
        tolerance_grad=1e-10,
        tolerance_change=1e-12,
        line_search_fn="strong_wolfe",
    )

    def loss() -> Tensor:
        optimiser.zero_grad()
        value = -held.log_prob(x, outputs.expand(len(x), *outputs.shape)).mean()
        value.backward()
        return value

    optimiser.step(loss)
    for spread in (part for part in held.modules() if isinstance(part, OptimalSpread)):
        spread.count.zero_()  # what it records next is all that it remembers
    return float(loss().detach())


@pytest.mark.parametrize(("config", "values"), NAMES, ids=lambda case: str(case)[:48])
def test_the_constant_is_a_stationary_point_and_the_best(
    config: dict[str, Any], values: str
) -> None:
    x, likelihood = data(values).double(), likelihood_of(config, values)
    constant, _, _ = parts(likelihood, x)
    gradient = scores(constant.likelihood, x, constant.outputs)
    slack = 0.08 if config["kind"] == "laplace" else 1e-3  # sign(x - m) is a step
    assert float((gradient.mean(0) / (gradient.std(0) + 1e-9)).abs().max()) < slack
    assert constant.data_term == pytest.approx(searched(likelihood, x), rel=1e-6)
    same = constant.outputs.expand(len(x), *constant.outputs.shape)
    nats = -constant.likelihood.log_prob(x, same).mean()
    assert constant.data_term == pytest.approx(float(nats), rel=1e-6)


BY_SAMPLES = ("laplace", "student-t", "negative-binomial", "discretised-logistic")
HARD = [case for case in NAMES if case[0]["kind"] in BY_SAMPLES]
"""Families whose best constant is not read from moments."""


@pytest.mark.parametrize(("config", "values"), HARD, ids=lambda case: str(case)[:48])
@pytest.mark.parametrize("count", [1, 2, 300])
def test_atoms_edges_and_few_samples(config: dict[str, Any], values: str, count: int) -> None:
    """Of elements that never change, are mostly one value, lie at both ends, or are far from the
    others: no worse than a long search, and finite."""
    drawn = torch.rand(count, generator=torch.Generator().manual_seed(1))
    ends = torch.where(drawn < 0.5, 0.0, 29.0)
    rare = torch.where(drawn < 0.02, 29.0, 0.0)
    whole = (3 + 4 * drawn).round()
    x = torch.stack([torch.zeros(count), rare, ends, whole, torch.full((count,), 29.0)], 1).double()
    likelihood = likelihood_of(config, values)
    constant, _, _ = parts(likelihood, x)
    assert torch.isfinite(constant.outputs).all()
    reference = searched(likelihood, x)
    assert math.isfinite(reference)
    assert constant.data_term <= reference + 1e-3 * max(1.0, abs(reference))


@pytest.mark.parametrize(("config", "values"), NAMES[:3] + NAMES[4:7], ids=lambda c: str(c)[:48])
def test_the_short_way_is_the_differentiated_one(config: dict[str, Any], values: str) -> None:
    x = data(values).double()
    constant, moments, rows = parts(likelihood_of(config, values), x)
    assert linear_scale(constant, moments) is not None
    blocks = curvature(constant, first_samples(lambda: [x]))
    slow = torch.einsum(
        "dpq,bqd->bpd", inverse_root(blocks), scores(constant.likelihood, x, constant.outputs)
    ).flatten(1)
    torch.testing.assert_close(rows(x), slow, rtol=1e-6, atol=1e-6)


def test_a_fixed_gaussian_has_the_covariance_over_the_variance() -> None:
    x = data("real").double()
    _, _, rows = parts(likelihood_of({"kind": "gaussian", "variance": 0.3}, "real"), x)
    np.testing.assert_allclose(largest(rows(x)), largest(x) / 0.3, rtol=1e-9)


@pytest.mark.parametrize("variance", ["shared", "optimal"])
def test_one_learned_variance_is_the_mean_one(variance: str) -> None:
    x = data("real").double()
    _, _, rows = parts(likelihood_of({"kind": "gaussian", "variance": variance}, "real"), x)
    mean = float(x.var(0, correction=0).mean())
    np.testing.assert_allclose(largest(rows(x)), largest(x) / mean, rtol=1e-6)


def test_a_fitted_variance_adds_the_squares() -> None:
    """u = (x - m)/s jointly with (u^2 - 1)/sqrt 2."""
    x = data("real").double()
    _, _, rows = parts(likelihood_of({"kind": "gaussian", "variance": "fitted"}, "real"), x)
    u = (x - x.mean(0)) / x.std(0, correction=0)
    both = torch.cat([u, (u.square() - 1) / 2**0.5], 1)
    np.testing.assert_allclose(largest(rows(x)), largest(both), rtol=1e-4)


def test_binary_pixels_have_their_correlation_and_constant_ones_are_left_out() -> None:
    x = data("binary").double()
    x[:, 4] = 1.0
    _, _, rows = parts(likelihood_of({"kind": "bernoulli"}, "binary"), x)
    found = rows(x)
    assert float(found[:, 4].abs().max()) == 0
    np.testing.assert_allclose(
        largest(found)[:4], np.linalg.eigvalsh(np.corrcoef(x[:, :4].numpy().T))[::-1], rtol=1e-6
    )


def test_every_family_has_unit_variance_on_its_own_data() -> None:
    """Data of the family itself, elements independent: M is the identity (the information
    equality), so that at beta 1 nothing has to be told."""
    source = torch.Generator().manual_seed(0)
    pair = torch.empty(2, 20000, 1, dtype=torch.float64).exponential_(generator=source)
    draws = 2.0 + 0.7 * (pair[0] - pair[1])
    likelihood = build_likelihood(LaplaceConfig(scale=Optimal()), SampleSpec((1,), "real"))
    _, _, rows = parts(likelihood, draws)
    assert float(rows(draws).var()) == pytest.approx(1.0, abs=0.15)
    counts = torch.poisson(torch.full((20000, 5), 3.0), generator=source).double()
    _, _, rows = parts(likelihood_of({"kind": "poisson"}, "counts"), counts)
    np.testing.assert_allclose(rows(counts).var(0).numpy(), 1.0, atol=0.05)


def test_the_density_at_the_median_is_the_normal_one() -> None:
    x = torch.randn(200_000, 2, generator=torch.Generator().manual_seed(1)).double()
    x[:, 1] = 4.0
    found = density_at(x, x.median(0).values)
    assert float(found[0]) == pytest.approx(0.39894, rel=0.03)
    assert float(found[1]) == 0.0


def test_the_given_likelihood_is_left_as_it_is() -> None:
    likelihood = likelihood_of({"kind": "gaussian", "variance": "optimal"}, "real").train()
    before = copy.deepcopy(likelihood.state_dict())
    parts(likelihood, data("real"))
    assert likelihood.training
    for name, value in likelihood.state_dict().items():
        assert torch.equal(value, before[name])
