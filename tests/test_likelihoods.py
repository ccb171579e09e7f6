"""Every likelihood with every spread: density, gradient, mean, shapes, support.

Shape letters: B batch, P outputs per element, * the sample's axes.
"""

import copy

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter
from torch import Tensor

from tests.likelihood_references import (
    KINDS,
    LEVELS,
    Case,
    cases,
    draw_x,
    log_prob,
)
from vaestro.foundation.errors import DataError, RecipeError
from vaestro.foundation.samples import SampleSpec
from vaestro.probability.likelihoods.kinds import LikelihoodConfig, build_likelihood
from vaestro.probability.likelihoods.likelihood import Likelihood

SHAPE = (3, 2, 4)
HARD = [-1e4, -300.0, -40.0, -12.0, -1e-3, 0.0, 1e-7, 0.5, 12.0, 40.0, 300.0, 1e4]
DTYPES = [torch.float32, torch.float64]
each_case = pytest.mark.parametrize("case", cases(), ids=str)
each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)


def material(case: Case, dtype: torch.dtype, hard: bool) -> tuple[Likelihood, Tensor, Tensor]:
    """A likelihood, x (B, *) and outputs (B, P, *) as a decoder would give them."""
    random = np.random.default_rng(3)
    likelihood = case.build(SHAPE).to(dtype)
    maps = likelihood.outputs_per_element
    x = draw_x(case, random, (40, *SHAPE))
    if hard:
        outputs = random.choice(HARD, (40, maps, *SHAPE))
        outputs[0], x[0] = -12.0, 0.0
        outputs[1], x[1] = 12.0, 1.0
        outputs[2] = 0.0
    else:
        outputs = random.normal(size=(40, maps, *SHAPE)) * 2
    return likelihood, torch.tensor(x, dtype=dtype), torch.tensor(outputs, dtype=dtype)


@each_case
@each_dtype
@pytest.mark.parametrize("hard", [False, True], ids=["random", "hard"])
def test_log_prob_is_the_density(case: Case, dtype: torch.dtype, hard: bool) -> None:
    likelihood, x, outputs = material(case, dtype, hard)
    found = likelihood.log_prob(x, outputs)
    wanted = log_prob(case, x.double().numpy(), outputs.double().numpy())
    assert found.shape == (40,) and found.dtype == dtype
    error = np.abs(found.detach().double().numpy() - wanted) / (np.abs(wanted) + 1)
    # the parameter of a shared spread is itself a float32 number
    assert error.max() < (1e-5 if dtype == torch.float32 else 1e-10)


@each_case
@pytest.mark.parametrize("hard", [False, True], ids=["random", "hard"])
def test_gradients_are_finite_and_reach_everything(case: Case, hard: bool) -> None:
    likelihood, x, outputs = material(case, torch.float32, hard)
    outputs.requires_grad_()
    likelihood.log_prob(x, outputs).mean().backward()
    assert outputs.grad is not None and torch.isfinite(outputs.grad).all()
    for name, parameter in likelihood.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad), name
        assert parameter.grad != 0, name
    if not hard:
        assert (outputs.grad != 0).all()
    elif case.fitted:
        assert (outputs.grad[:, 1] != 0).float().mean() > 0.9


@each_case
def test_gradients_are_those_of_the_density(case: Case) -> None:
    likelihood, x, outputs = material(case, torch.float64, hard=False)
    x, outputs = x[:3, :1], outputs[:3, :, :1].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda o: likelihood.log_prob(x, o), (outputs,))


@pytest.mark.parametrize("kind", ["bernoulli", "continuous-bernoulli"])
@pytest.mark.parametrize("values", ["binary", "unit"])
def test_gradient_at_logit_zero(kind: str, values: str) -> None:
    likelihood = Case({"kind": kind}, values).build((6,))  # type: ignore[arg-type]
    x = torch.tensor([[0.0, 1.0, 0.0, 1.0, 1.0, 0.0]])
    logits = torch.zeros(1, 1, 6, requires_grad=True)
    likelihood.log_prob(x, logits).sum().backward()
    assert torch.equal(logits.grad, (x - 0.5)[None])


@each_case
def test_mean_and_sample_have_the_shape_of_x(case: Case) -> None:
    likelihood, x, outputs = material(case, torch.float32, hard=True)
    random = torch.Generator().manual_seed(0)
    for result in (likelihood.mean(outputs), likelihood.sample(outputs, random)):
        assert result.shape == x.shape and result.dtype == x.dtype
        assert torch.isfinite(result).all()


@each_case
def test_initial_outputs_start_at_the_data_mean(case: Case) -> None:
    likelihood = case.build((5,))
    data_mean = torch.tensor([0.02, 0.2, 0.5, 0.7, 0.97])
    start = likelihood.initial_outputs(data_mean)
    assert start.shape == (likelihood.outputs_per_element, 5)
    if case.config["kind"] == "discretised-logistic":
        assert torch.equal(start[0], data_mean)
    else:
        assert likelihood.mean(start[None])[0].tolist() == pytest.approx(
            data_mean.tolist(), rel=1e-4
        )
    ends = likelihood.initial_outputs(torch.tensor([0.0, 1.0]))
    assert torch.isfinite(ends).all() and (ends.abs() < 101).all()


def test_discretised_logistic_sums_to_one_and_knows_its_mean() -> None:
    levels = torch.arange(LEVELS, dtype=torch.float64)[:, None] / (LEVELS - 1)
    likelihood = Case({"kind": "discretised-logistic", "scale": "fitted"}, "unit").build((1,))
    for location in (-3.0, 0.0, 0.31, 0.5, 2.0):
        for raw in (-1e4, -8.0, -4.0, -1.0, 5.0):
            outputs = torch.tensor([[[location], [raw]]], dtype=torch.float64)
            mass = likelihood.log_prob(levels, outputs.expand(LEVELS, 2, 1)).exp()
            assert float(mass.sum()) == pytest.approx(1.0, abs=1e-12)
            assert float(likelihood.mean(outputs)) == pytest.approx(float(mass @ levels), abs=1e-12)


@pytest.mark.parametrize("r", [0.3, 9.99, 10.01, 1e4, 1e8, 1e11])
def test_negative_binomial_is_exact_for_any_dispersion(r: float) -> None:
    case = Case({"kind": "negative-binomial", "dispersion": r}, "counts")
    case = Case({**case.config, "dispersion": {"kind": "fixed", "value": r}}, "counts")
    x = np.array([[0.0], [1.0], [7.0], [990.0]])
    outputs = np.log(np.array([0.01, 2.0, 7.0, 1000.0]))[:, None, None]
    found = case.build((1,)).log_prob(torch.tensor(x), torch.tensor(outputs))
    assert found.tolist() == pytest.approx(log_prob(case, x, outputs).tolist(), rel=1e-11)


@pytest.mark.parametrize("kind", ["poisson", "negative-binomial"])
def test_large_counts_at_their_rate_keep_float32_digits(kind: str) -> None:
    """x log m, m and log x! are each about 1e5 here, and cancel to about -5."""
    spread = {} if kind == "poisson" else {"dispersion": {"kind": "fixed", "value": 1e7}}
    case = Case({"kind": kind, **spread}, "counts")
    x = torch.tensor([[500.0], [3000.0], [11000.0], [12345.0]])
    outputs = torch.log(x * 1.01)[:, None]
    found = case.build((1,)).log_prob(x, outputs)
    wanted = log_prob(case, x.double().numpy(), outputs.double().numpy())
    assert found.tolist() == pytest.approx(wanted.tolist(), rel=1e-6)


def test_narrow_bins_keep_float32_digits() -> None:
    case = Case({"kind": "discretised-logistic", "scale": {"kind": "fixed", "value": 2e-4}}, "unit")
    x = torch.arange(1, LEVELS - 1)[:, None] / (LEVELS - 1)
    outputs = (x + 0.5 / (LEVELS - 1))[:, None]  # at an edge, where the mass is steepest
    found = case.build((1,)).log_prob(x, outputs)
    wanted = log_prob(case, x.double().numpy(), outputs.double().numpy())
    assert found.tolist() == pytest.approx(wanted.tolist(), rel=1e-6)


def test_a_shape_that_would_broadcast_is_refused() -> None:
    likelihood = Case({"kind": "gaussian"}, "real").build((1, 28, 28))
    with pytest.raises(DataError, match=r"\(5, 28, 28\).*\(5, 1, 1, 28, 28\)") as refusal:
        likelihood.log_prob(torch.zeros(5, 28, 28), torch.zeros(5, 1, 1, 28, 28))
    assert "\n" not in str(refusal.value) and isinstance(refusal.value, ValueError)
    for kind in KINDS:
        values = next(c.values for c in cases() if c.config["kind"] == kind)
        other = Case({"kind": kind}, values).build(SHAPE)
        with pytest.raises(DataError, match="decoder outputs of shape"):
            other.log_prob(
                torch.zeros(5, *SHAPE), torch.zeros(5, other.outputs_per_element + 1, *SHAPE)
            )


LEGAL = {
    "bernoulli": {"binary", "unit"},
    "continuous-bernoulli": {"binary", "unit"},
    "poisson": {"counts"},
    "negative-binomial": {"counts"},
    "discretised-logistic": {"binary", "unit", "counts"},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("values", ["binary", "unit", "counts", "real"])
def test_each_kind_takes_its_data_and_refuses_the_rest(kind: str, values: str) -> None:
    config = TypeAdapter(LikelihoodConfig).validate_python(kind)
    spec = SampleSpec((4,), values, 1.0, 2)  # type: ignore[arg-type]
    if values in LEGAL.get(kind, {"binary", "unit", "counts", "real"}):
        assert build_likelihood(config, spec).kind == kind
        return
    with pytest.raises(RecipeError) as refusal:
        build_likelihood(config, spec)
    message = str(refusal.value)
    assert (
        f"model.likelihood.kind={kind} needs" in message and f"these are {values}; give" in message
    )
    assert "\n" not in message


def test_discretised_logistic_needs_levels() -> None:
    config = TypeAdapter(LikelihoodConfig).validate_python("discretised-logistic")
    with pytest.raises(RecipeError, match=r"needs quantised data.*levels=None"):
        build_likelihood(config, SampleSpec((4,), "unit"))


def test_discrete_tells_masses_from_densities() -> None:
    found = {str(c): c.build().discrete for c in cases()}
    masses = ("bernoulli-binary", "poisson", "negative-binomial", "discretised-logistic")
    assert found == {name: name.startswith(masses) for name in found}


def test_only_a_fixed_gaussian_has_a_fixed_variance() -> None:
    found = {str(c): c.build().fixed_variance for c in cases()}
    fixed = str(Case({"kind": "gaussian", "variance": {"kind": "fixed", "value": 0.1}}, "real"))
    assert found.pop(fixed) == 0.1
    assert set(found.values()) == {None}


@each_case
def test_many_models_at_once(case: Case) -> None:
    """log_prob and its gradient under vmap over stacked parameters, as in a population."""
    parts = [material(case, torch.float32, hard=False)[0] for _ in range(3)]
    _, x, outputs = material(case, torch.float32, hard=False)
    for number, part in enumerate(parts):
        for tensor in [*part.parameters(), *part.buffers()]:
            if tensor.is_floating_point():
                tensor.data += 0.1 * number
    serial = copy.deepcopy(parts)
    parameters, buffers = torch.func.stack_module_state(parts)

    def loss(values: dict[str, Tensor], state: dict[str, Tensor], given: Tensor) -> Tensor:
        return torch.func.functional_call(
            Scored(parts[0]), ({f"part.{n}": v for n, v in (values | state).items()},), (x, given)
        )

    given = torch.stack([outputs + number for number in range(3)])
    step = torch.func.vmap(torch.func.grad_and_value(loss, argnums=2))
    gradients, values = step(parameters, buffers, given)
    for number, part in enumerate(serial):
        alone = given[number].clone().requires_grad_()
        value = Scored(part)(x, alone)
        assert float(values[number].detach()) == pytest.approx(float(value.detach()), rel=1e-5)
        (gradient,) = torch.autograd.grad(value, alone)
        torch.testing.assert_close(gradients[number], gradient, rtol=1e-4, atol=1e-6)
        for name, buffer in part.named_buffers():
            torch.testing.assert_close(buffers[name][number], buffer)


class Scored(torch.nn.Module):
    """The mean log-probability as a module's forward."""

    def __init__(self, part: Likelihood) -> None:
        super().__init__()
        self.part = part

    def forward(self, x: Tensor, outputs: Tensor) -> Tensor:
        return self.part.log_prob(x, outputs).mean()


@each_case
def test_compiled_as_one_graph(case: Case) -> None:
    likelihood, x, outputs = material(case, torch.float32, hard=False)
    wanted = copy.deepcopy(likelihood).log_prob(x, outputs)
    compiled = torch.compile(likelihood.log_prob, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(x, outputs), wanted, rtol=1e-6, atol=1e-5)
