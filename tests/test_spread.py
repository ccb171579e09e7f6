"""The spread parts: floors, closed forms, running averages, every field of their configs."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from vaestro.foundation.errors import RecipeError
from vaestro.foundation.samples import SampleSpec
from vaestro.probability.likelihoods.discretised_logistic import DiscretisedLogisticConfig
from vaestro.probability.likelihoods.gaussian import Gaussian, GaussianConfig
from vaestro.probability.likelihoods.kinds import build_likelihood
from vaestro.probability.likelihoods.laplace import Laplace, LaplaceConfig
from vaestro.probability.likelihoods.negative_binomial import NegativeBinomialConfig
from vaestro.probability.likelihoods.spread import Fitted, Fixed, Optimal, Shared
from vaestro.probability.likelihoods.spread_parts import FittedSpread, SharedSpread, build_spread
from vaestro.probability.likelihoods.student_t import StudentT, StudentTConfig

REAL = SampleSpec((6,), "real")
GREY = SampleSpec((6,), "unit", 1 / 255, 256)
HARD = [-1e10, -1e4, -200.0, -104.0, -89.0, -20.0, 0.0, 11.0, 89.0, 178.0, 1e4, 1e10]


def gaussian(variance: Any, spec: SampleSpec = REAL) -> Gaussian:
    return Gaussian(GaussianConfig.parse({"variance": variance}), spec)


def batch(seed: int = 0, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """x (B, *) and outputs (B, 1, *)."""
    random = torch.Generator().manual_seed(seed)
    x = torch.randn(8, 6, generator=random, dtype=dtype)
    return x, torch.randn(8, 1, 6, generator=random, dtype=dtype)


def test_optimal_variance_is_the_maximum_likelihood_one() -> None:
    x, outputs = batch()
    mse = float((x - outputs[:, 0]).square().mean())
    optimal = gaussian("optimal").double().log_prob(x, outputs)
    assert float(-optimal.mean()) == pytest.approx(3 * (math.log(2 * math.pi * mse) + 1), rel=1e-12)
    free = gaussian({"kind": "shared", "initial": mse}).double()
    free.spread.raw_log.data = torch.tensor(math.log(mse - 1e-8), dtype=torch.float64)
    (slope,) = torch.autograd.grad(free.log_prob(x, outputs).mean(), list(free.parameters()))
    assert abs(float(slope)) < 1e-6


def test_optimal_scale_of_laplace_is_the_maximum_likelihood_one() -> None:
    x, outputs = batch()
    error = float((x - outputs[:, 0]).abs().mean())
    found = Laplace(LaplaceConfig.parse({"scale": "optimal"}), REAL).double().log_prob(x, outputs)
    assert float(-found.mean()) == pytest.approx(6 * (math.log(2 * error) + 1), rel=1e-12)


def test_optimal_gradient_is_that_at_the_variance_held_fixed() -> None:
    x, outputs = batch()
    outputs.requires_grad_()
    mse = float((x - outputs[:, 0]).detach().square().mean())
    slopes = [
        torch.autograd.grad(gaussian(v).double().log_prob(x, outputs).mean(), outputs)[0]
        for v in ("optimal", mse)
    ]
    torch.testing.assert_close(*slopes, rtol=1e-12, atol=1e-14)


def test_optimal_average_serves_evaluation_and_sampling_and_survives_saving() -> None:
    part, errors = gaussian("optimal").double(), []
    for seed in range(5):
        x, outputs = batch(seed)
        part.log_prob(x, outputs)
        errors.append(float((x - outputs[:, 0]).square().mean()))
    average = math.prod(errors) ** (1 / 5)  # the geometric mean
    again = gaussian("optimal").double().eval()
    again.load_state_dict(part.state_dict())
    wanted = gaussian(average).double().log_prob(x, outputs)
    torch.testing.assert_close(again.log_prob(x, outputs), wanted, rtol=1e-12, atol=0)
    torch.testing.assert_close(again.log_prob(x, outputs), wanted, rtol=1e-12, atol=0)
    assert int(again.spread.count) == 5
    assert float(part.std(outputs)) == pytest.approx(math.sqrt(average), rel=1e-12)


def test_optimal_average_becomes_exponential() -> None:
    part, log_average = gaussian({"kind": "optimal", "momentum": 0.4}).double(), 0.0
    for seed, weight in enumerate([1.0, 0.5, 0.4, 0.4]):
        x, outputs = batch(seed)
        part.log_prob(x, outputs)
        error = float((x - outputs[:, 0]).square().mean())
        log_average += weight * (math.log(error) - log_average)
    assert float(part.spread.average) == pytest.approx(math.exp(log_average), rel=1e-12)


def test_one_wild_batch_hardly_moves_the_average() -> None:
    part = gaussian("optimal").double()
    for seed in range(150):
        x, outputs = batch(seed)
        part.log_prob(x, outputs)
    before = float(part.spread.average)
    part.log_prob(1000 * x, outputs)
    assert 1.0 < float(part.spread.average) / before < 1.2


def test_optimal_is_one_before_any_batch() -> None:
    assert float(gaussian("optimal").std(batch()[1])) == 1.0


def test_a_perfect_reconstruction_stops_at_the_floor() -> None:
    x, _ = batch()
    outputs = x[:, None].clone().requires_grad_()
    found = gaussian({"kind": "optimal", "floor": 1e-3}).double().log_prob(x, outputs)
    assert float(-found.detach().mean()) == pytest.approx(3 * math.log(2 * math.pi * 1e-3))
    (slope,) = torch.autograd.grad(found.sum(), outputs)
    assert torch.equal(slope, torch.zeros_like(slope))


FLOORS: list[tuple[Any, SampleSpec, float]] = [
    (GaussianConfig(variance=Fitted()), GREY, 1 / 255**2 / 12),
    (GaussianConfig(variance=Fitted()), REAL, 1e-4),
    (GaussianConfig(variance=Fitted(floor=0.01)), GREY, 0.01),
    (LaplaceConfig(scale=Fitted()), GREY, 1 / 255 / math.sqrt(24)),
    (StudentTConfig(scale=Fitted()), REAL, 0.01),
    (DiscretisedLogisticConfig(scale=Fitted()), GREY, 1 / 255 / 20),
    (NegativeBinomialConfig(dispersion=Fitted()), SampleSpec((6,), "counts"), 1e-4),
]


@pytest.mark.parametrize(("config", "spec", "floor"), FLOORS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_fitted_floor_holds_and_gradient_survives(
    config: Any, spec: SampleSpec, floor: float, dtype: torch.dtype
) -> None:
    raw = torch.tensor(HARD, dtype=dtype, requires_grad=True)
    log_quantity = build_likelihood(config, spec).spread.log_quantity(raw)
    rounding = 1e-5 if dtype == torch.float32 else 1e-12
    assert float(log_quantity.detach().min()) >= math.log(floor) - rounding
    assert float(log_quantity.detach().min()) == pytest.approx(math.log(floor), abs=1e-4)
    (slope,) = torch.autograd.grad(log_quantity.sum(), raw)
    assert torch.isfinite(slope).all() and (slope > 0).all()
    quantity = torch.exp(log_quantity)
    assert torch.isfinite(quantity).all() and (quantity.diff() >= 0).all()


def test_shared_floor_holds_and_gradient_survives() -> None:
    for raw in HARD:
        part = SharedSpread(Shared(initial=1.0, floor=1e-3))
        part.raw_log.data.fill_(raw)
        log_quantity = part.log_quantity(None)
        assert float(log_quantity.detach()) >= math.log(1e-3) - 1e-6
        (slope,) = torch.autograd.grad(log_quantity, part.raw_log)
        assert torch.isfinite(slope) and slope > 0


@pytest.mark.parametrize("initial", [1e-3, 0.3, 1.0, 70.0])
def test_learned_spreads_start_at_initial(initial: float) -> None:
    x_mean = torch.zeros(6)
    shared = gaussian({"kind": "shared", "initial": initial})
    fitted = gaussian({"kind": "fitted", "initial": initial})
    for part in (shared, fitted):
        std = part.std(part.initial_outputs(x_mean)[None]).detach()
        assert std.square().max().item() == pytest.approx(initial, rel=1e-5)
        assert std.square().min().item() == pytest.approx(initial, rel=1e-5)


def test_fitted_starts_above_a_floor_tied_to_coarse_data() -> None:
    coarse = SampleSpec((6,), "real", 10.0, 20)
    part = gaussian("fitted", coarse)
    start = part.initial_outputs(torch.zeros(6))[None]
    assert float(part.std(start).square().max()) == pytest.approx(2 * 100 / 12, rel=1e-5)


def test_sampler_density_and_std_share_the_variance() -> None:
    """At the mean the density says std by its height, and the sampler by its spread."""
    for variance in (0.3, "fitted", {"kind": "shared", "initial": 0.3}):
        part = gaussian(variance)
        outputs = torch.full((20000, part.outputs_per_element, 6), 0.4)
        height = part.log_prob(part.mean(outputs)[:1], outputs[:1]).detach() / 6
        std = float(part.std(outputs).detach().max())
        assert float(height) == pytest.approx(-math.log(std * math.sqrt(2 * math.pi)), rel=1e-5)
        draws = part.sample(outputs, torch.Generator().manual_seed(0)).detach()
        assert float(draws.std()) == pytest.approx(std, rel=5 / math.sqrt(2 * draws.numel()))


CHANGES: list[tuple[Any, Any]] = [
    (Fixed(), Fixed(value=2.0)),
    (Shared(), Shared(initial=2.0)),
    (Shared(), Shared(floor=0.5)),
    (Optimal(), Optimal(floor=50.0)),
    (Optimal(), Optimal(momentum=0.9)),
    (Fitted(), Fitted(floor=0.5)),
    (Fitted(), Fitted(initial=2.0)),
]


@pytest.mark.parametrize(("one", "other"), CHANGES, ids=str)
def test_every_field_changes_something(one: Any, other: Any) -> None:
    assert figures(one) != figures(other)


def figures(config: Any) -> list[float]:
    """Log-densities at the start, after two batches, and with its parameter moved."""
    part = gaussian(config)
    start = part.initial_outputs(torch.zeros(6)).expand(8, -1, -1)
    found: list[float] = []
    for seed in range(3):
        x, _ = batch(seed, torch.float32)
        found += part.log_prob(x, start).tolist()
        for parameter in part.parameters():
            parameter.data -= 1.0
    return found + part.eval().log_prob(x, start - 1.0).tolist()


def test_degrees_change_student_t() -> None:
    x, outputs = batch()
    values = {
        StudentT(StudentTConfig(degrees=n), REAL).log_prob(x, outputs)[0].item() for n in (2, 4)
    }
    assert len(values) == 2


def test_short_forms() -> None:
    assert GaussianConfig.parse({"variance": 0.1}).variance == Fixed(value=0.1)
    assert GaussianConfig.parse({"variance": 2}).variance == Fixed(value=2.0)
    assert LaplaceConfig.parse({"scale": "optimal"}).scale == Optimal()
    assert StudentTConfig.parse({"scale": "fitted"}).scale == Fitted()
    plain = GaussianConfig(variance=Fitted()).plain()
    assert GaussianConfig.parse(plain) == GaussianConfig(variance=Fitted())


REFUSED: list[tuple[Any, dict[str, Any], str]] = [
    (StudentTConfig, {"scale": "optimal"}, r"scale.kind is 'optimal'; .*fixed.*"),
    (NegativeBinomialConfig, {"dispersion": "optimal"}, r"dispersion.kind is 'optimal'"),
    (DiscretisedLogisticConfig, {"scale": "optimal"}, r"scale.kind is 'optimal'"),
    (GaussianConfig, {"variance": 0}, r"variance.*greater than or equal to 0.000000000001"),
    (GaussianConfig, {"variance": True}, r"variance"),
    (
        GaussianConfig,
        {"variance": {"kind": "shared", "initial": 1e-9}},
        r"must be above floor=1e-08",
    ),
    (GaussianConfig, {"variance": {"kind": "fitted", "floor": 2.0}}, r"initial=1.0 must be above"),
    (GaussianConfig, {"variance": {"kind": "optimal", "momentum": 0}}, r"momentum"),
    (StudentTConfig, {"degrees": 0}, r"degrees"),
]


@pytest.mark.parametrize(("config", "values", "message"), REFUSED)
def test_illegal_spreads_are_refused_in_one_line(config: Any, values: Any, message: str) -> None:
    with pytest.raises(RecipeError, match=message) as refusal:
        config.parse(values)
    assert "\n" not in str(refusal.value)


def test_only_a_fitted_spread_reads_an_output() -> None:
    parts = [build_spread(c, 1e-4) for c in (Fixed(), Shared(), Optimal(), Fitted())]
    assert [p.outputs_per_element for p in parts] == [0, 0, 0, 1]
    assert isinstance(parts[3], FittedSpread)
    learned = [len(list(p.parameters())) for p in parts]
    assert learned == [0, 1, 0, 0]
