"""Every likelihood's sampler draws what its density says; the optimal variance is optimal."""

import math

import pytest
import torch
from pydantic import TypeAdapter

from vaestro.foundation.samples import SampleSpec
from vaestro.probability.likelihoods.kinds import LikelihoodConfig, build_likelihood

COUNT = 100_000
GRID = torch.linspace(0, 1, 20_001, dtype=torch.float64)
LINE = torch.linspace(-60, 60, 240_001, dtype=torch.float64)

# configuration, spec, outputs of one element, the values over which the density is integrated
CASES = [
    ({"kind": "bernoulli"}, SampleSpec((1,), "binary"), [0.4], torch.tensor([0.0, 1.0])),
    ({"kind": "continuous-bernoulli"}, SampleSpec((1,), "unit"), [-1.7], GRID),
    ({"kind": "gaussian", "variance": 0.3}, SampleSpec((1,), "real"), [0.4], LINE),
    ({"kind": "gaussian", "variance": "fitted"}, SampleSpec((1,), "real"), [0.4, -1.0], LINE),
    ({"kind": "laplace", "scale": 0.7}, SampleSpec((1,), "real"), [-0.5], LINE),
    ({"kind": "student-t", "degrees": 9.0, "scale": 0.7}, SampleSpec((1,), "real"), [1.0], LINE),
    ({"kind": "poisson"}, SampleSpec((1,), "counts"), [1.2], torch.arange(200.0)),
    (
        {"kind": "negative-binomial", "dispersion": 3.0},
        SampleSpec((1,), "counts"),
        [1.2],
        torch.arange(400.0),
    ),
    (
        {"kind": "discretised-logistic", "scale": 0.1},
        SampleSpec((1,), "unit", 1 / 16, 17),
        [0.4],
        torch.arange(17.0) / 16,
    ),
]


@pytest.mark.parametrize(
    ("config", "spec", "outputs", "values"), CASES, ids=[str(c[0]) for c in CASES]
)
def test_draws_have_the_density_s_moments(
    config: dict[str, object], spec: SampleSpec, outputs: list[float], values: torch.Tensor
) -> None:
    likelihood = build_likelihood(
        TypeAdapter(LikelihoodConfig).validate_python(config), spec
    ).double()
    one = torch.tensor(outputs, dtype=torch.float64)[None, :, None]
    values = values.double()
    density = likelihood.log_prob(values[:, None], one.expand(len(values), -1, 1)).exp()
    mass = density / density.sum()
    mean = float(mass @ values)
    variance = float(mass @ (values - mean) ** 2)
    fourth = float(mass @ (values - mean) ** 4)
    step = 1.0 if likelihood.discrete else float(values[1] - values[0])
    assert float(density.sum()) * step == pytest.approx(1.0, abs=2e-3)
    draws = likelihood.sample(one.expand(COUNT, -1, 1), torch.Generator().manual_seed(0)).double()
    assert float(draws.mean()) == pytest.approx(mean, abs=4.5 * math.sqrt(variance / COUNT))
    spread = math.sqrt((fourth - variance**2) / COUNT)
    assert float(draws.var()) == pytest.approx(variance, abs=4.5 * spread + 1e-3 * variance)
    if config["kind"] != "discretised-logistic":
        assert float(likelihood.mean(one)) == pytest.approx(mean, rel=1e-3, abs=1e-3)


def test_the_optimal_variance_is_the_optimum() -> None:
    """NLL = D/2 (ln(2 pi MSE) + 1), and its derivative by the variance is 0 (sigma-VAE)."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(50, 12, generator=generator, dtype=torch.float64)
    outputs = torch.randn(50, 1, 12, generator=generator, dtype=torch.float64)
    spec = SampleSpec((12,), "real")

    def built(variance: object) -> torch.nn.Module:
        config = {"kind": "gaussian", "variance": variance}
        parsed = TypeAdapter(LikelihoodConfig).validate_python(config)
        return build_likelihood(parsed, spec).double().train()

    error = float((x - outputs[:, 0]).square().mean())
    best = -float(built("optimal").log_prob(x, outputs).mean().detach())  # type: ignore[operator]
    assert best == pytest.approx(6 * (math.log(2 * math.pi * error) + 1), abs=1e-10)
    shared = built({"kind": "shared", "initial": error, "floor": 1e-12})
    loss = -shared.log_prob(x, outputs).mean()  # type: ignore[operator]
    (slope,) = torch.autograd.grad(loss, list(shared.parameters()))
    assert abs(float(slope)) < 1e-6
    assert float(loss.detach()) == pytest.approx(best, abs=1e-9)


def test_the_optimal_variance_is_kept_for_evaluation() -> None:
    spec = SampleSpec((4,), "real")
    config = TypeAdapter(LikelihoodConfig).validate_python(
        {"kind": "gaussian", "variance": {"kind": "optimal", "momentum": 0.5}}
    )
    likelihood = build_likelihood(config, spec).double().train()
    for size in (1.0, 3.0):
        likelihood.log_prob(torch.full((5, 4), size).double(), torch.zeros(5, 1, 4).double())
    likelihood.eval()
    kept = 0.5 * 1.0 + 0.5 * 9.0
    log_prob = likelihood.log_prob(torch.zeros(1, 4).double(), torch.zeros(1, 1, 4).double())
    assert float(log_prob) == pytest.approx(-2 * math.log(2 * math.pi * kept))
