"""The smooth bounds: identity inside, logarithmic tails, a gradient everywhere."""

import math

import pytest
import torch

from vaestro.probability.log_bounds import compress

LOW, HIGH = -20.0, 20.0
HARD = [-1e10, -1e4, -200, -104, -89, -20, 0, 11, 20, 30, 88, 89, 178, 1e3, 1e4, 1e10]
DTYPES = [torch.float32, torch.float64, torch.bfloat16, torch.float16]


def expected(value: float) -> float:
    if value > HIGH:
        return HIGH + math.log1p(value - HIGH)
    return LOW - math.log1p(LOW - value) if value < LOW else value


def expected_slope(value: float) -> float:
    return 1.0 / (1.0 + max(value - HIGH, LOW - value, 0.0))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_values_and_gradients_at_hard_points(dtype: torch.dtype) -> None:
    points = [v for v in HARD if abs(v) <= torch.finfo(dtype).max]
    value = torch.tensor(points, dtype=dtype, requires_grad=True)
    result = compress(value, LOW, HIGH)
    (slope,) = torch.autograd.grad(result.sum(), value)
    stored = value.tolist()  # as the half precisions round them
    tolerance = 1e-14 if dtype == torch.float64 else 1e-6
    assert result.dtype == (dtype if dtype == torch.float64 else torch.float32)
    assert result.tolist() == pytest.approx([expected(v) for v in stored], rel=tolerance)
    coarse = {torch.bfloat16: 4e-3, torch.float16: 5e-4}.get(dtype, 10 * tolerance)
    assert slope.tolist() == pytest.approx([expected_slope(v) for v in stored], rel=coarse, abs=0)
    assert (slope > 0).all()


def test_the_exponential_of_it_is_finite_forward_and_backward() -> None:
    value = torch.tensor(HARD, requires_grad=True)
    result = torch.exp(compress(value, LOW, HIGH))
    (slope,) = torch.autograd.grad(result.sum(), value)
    assert torch.isfinite(result).all() and torch.isfinite(slope).all()
    assert (slope != 0).all()


def test_smooth_at_the_bounds() -> None:
    value = torch.tensor(
        [LOW - 1e-3, LOW + 1e-3, HIGH - 1e-3, HIGH + 1e-3, 3.0, -40.0], dtype=torch.float64
    ).requires_grad_()
    assert torch.autograd.gradcheck(lambda v: compress(v, LOW, HIGH), (value,))


def test_nan_and_infinity_are_not_hidden() -> None:
    result = compress(torch.tensor([math.nan, math.inf, -math.inf]), LOW, HIGH)
    assert result[0].isnan() and result[1] == math.inf and result[2] == -math.inf


def test_bounds_must_be_ordered() -> None:
    with pytest.raises(ValueError, match=r"low=1\.0 must be below high=1\.0"):
        compress(torch.zeros(1), 1.0, 1.0)


def test_vmap_and_compile_agree_with_eager() -> None:
    value = torch.tensor(HARD).reshape(4, 4)
    eager = compress(value, LOW, HIGH)
    slope = torch.func.grad(lambda v: compress(v, LOW, HIGH))
    assert torch.equal(torch.func.vmap(lambda v: compress(v, LOW, HIGH))(value), eager)
    assert torch.isfinite(torch.func.vmap(torch.func.vmap(slope))(value)).all()
    compiled = torch.compile(compress, backend="aot_eager", fullgraph=True)
    assert torch.equal(compiled(value, LOW, HIGH), eager)
