"""The posterior, its scale kinds and its KL, against torch.distributions and exact values."""

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from tests.conftest import small_recipe
from vaestro.experiments.assemble import assemble
from vaestro.foundation.errors import RecipeError
from vaestro.probability.posterior import Posterior
from vaestro.probability.priors.standard_normal import StandardNormal
from vaestro.probability.scale import LinearVariance, LogStd, LogVariance, Softplus
from vaestro.training.plan import choose

SCALES = [LogVariance(), LogStd(), Softplus(), LinearVariance()]
PRIOR = StandardNormal()


def kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    posterior = Posterior(mean, log_variance)
    return PRIOR.divergence(posterior, mean)


@pytest.mark.parametrize("scale", SCALES, ids=lambda s: s.kind)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_kl_equals_torch(scale: LogVariance, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    mean, raw = torch.randn(64, 7, dtype=dtype), 3 * torch.randn(64, 7, dtype=dtype)
    log_variance = scale.log_variance(raw)
    std = torch.exp(0.5 * log_variance.double())
    expected = kl_divergence(Normal(mean.double(), std), Normal(0.0, 1.0))
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    torch.testing.assert_close(
        kl(mean, log_variance).double(), expected, rtol=tolerance, atol=tolerance
    )


@pytest.mark.parametrize(
    ("mean", "variance", "expected"), [(1, 1, 0.5), (0, math.e, 0.3591409), (0, 0.25, 0.3181472)]
)
def test_kl_has_known_values(mean: float, variance: float, expected: float) -> None:
    value = kl(torch.tensor([[float(mean)]]), torch.tensor([[math.log(variance)]]))
    assert value.item() == pytest.approx(expected, abs=1e-6)


def test_std_where_variance_belongs_is_another_number() -> None:
    """std 0.1 costs 1.8076 nats; the formula with std in the variance's place says 0.7013."""
    value = kl(torch.zeros(1, 1), torch.tensor([[2 * math.log(0.1)]])).item()
    assert value == pytest.approx(1.8076, abs=1e-4)
    assert value != pytest.approx(0.7013, abs=1e-2)


def test_posterior_at_the_prior_costs_nothing() -> None:
    """With 100 latents the formula without its -1 says 50."""
    assert kl(torch.zeros(4, 100), torch.zeros(4, 100)).abs().max() == 0


def test_kl_is_exact_next_to_the_prior() -> None:
    value = kl(torch.zeros(1, 1), torch.full((1, 1), 1e-4)).item()
    assert value == pytest.approx(2.5001e-9, rel=0.01)


@pytest.mark.parametrize("scale", SCALES, ids=lambda s: s.kind)
@pytest.mark.parametrize("raw", [-2.0, 0.3, 1.5])
def test_sampler_and_kl_share_the_scale(scale: LogVariance, raw: float) -> None:
    """The draws' log-density ratio averages to the analytic KL within 4 standard errors."""
    count = 200_000
    log_variance = scale.log_variance(torch.full((count, 1), raw, dtype=torch.float64))
    posterior = Posterior(torch.full((count, 1), 0.7, dtype=torch.float64), log_variance)
    noise = torch.randn(count, 1, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    z = posterior.sample(noise)
    ratio = posterior.log_prob(z) - PRIOR.log_prob(z)
    error = ratio.std() / math.sqrt(count)
    analytic = kl(posterior.mean[:1], log_variance[:1]).sum()
    assert abs(ratio.mean() - analytic) < 4 * error
    assert z.std().item() == pytest.approx(math.exp(0.5 * log_variance[0].item()), rel=0.01)


@pytest.mark.parametrize("scale", SCALES, ids=lambda s: s.kind)
@pytest.mark.parametrize(
    "raw", [-1e10, -1e4, -200.0, -104.0, -89.0, 0.0, 11.0, 89.0, 178.0, 1e4, 1e10]
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_any_raw_scale_gives_finite_gradients(
    scale: LogVariance, raw: float, dtype: torch.dtype
) -> None:
    """In float32, and from the half precision that autocast hands over."""
    value = torch.full((2, 3), raw, dtype=dtype, requires_grad=True)
    posterior = Posterior(torch.zeros(2, 3), scale.log_variance(value))
    loss = kl(*posterior).sum() + posterior.sample(torch.ones(2, 3)).sum()
    loss.backward()
    assert value.grad is not None
    assert torch.isfinite(loss)
    assert torch.isfinite(value.grad).all()
    assert (value.grad != 0).all() or raw == 0.0


@pytest.mark.parametrize("raw", [30.0, 89.0, 1e3, 1e10])
def test_a_far_log_variance_is_pushed_back(raw: float) -> None:
    value = torch.full((1, 1), raw, requires_grad=True)
    kl(torch.zeros(1, 1), LogVariance().log_variance(value)).sum().backward()
    assert value.grad is not None
    assert value.grad.item() > 0


def test_clipping_after_exp_is_the_fault_we_avoid() -> None:
    """The guard of log 001: forward finite, gradient NaN."""
    value = torch.tensor([89.0], requires_grad=True)
    torch.clamp(torch.exp(value), -1e10, 1e10).sum().backward()
    assert value.grad is not None
    assert torch.isnan(value.grad).all()


@pytest.mark.parametrize(
    ("scale", "raw", "variance"),
    [
        (LogVariance(), 0.5, math.exp(0.5)),
        (LogStd(), 0.5, math.exp(1.0)),
        (Softplus(minimum=0.1), 0.0, (math.log(2) + 0.1) ** 2),
        (LinearVariance(epsilon=0.5), 2.0, 3.5),
        (LinearVariance(epsilon=0.5), -1.0, 1.0),
    ],
)
def test_scale_kinds_mean_what_they_say(scale: LogVariance, raw: float, variance: float) -> None:
    got = scale.log_variance(torch.tensor([raw], dtype=torch.float64)).exp().item()
    assert got == pytest.approx(variance, rel=1e-9)


def test_scale_bounds_must_be_ordered() -> None:
    with pytest.raises(RecipeError, match="must be below"):
        LogVariance.parse({"low": 3, "high": 1})


def test_epsilon_std_scales_the_noise() -> None:
    """z = mean + std * epsilon_std * noise, through the whole model."""
    recipe = small_recipe(model={"posterior": {"epsilon_std": 0.3}})
    vae = assemble(recipe, choose(recipe.training)).vae
    x, noise = torch.rand(3, 1, 8, 8), torch.randn(3, 4)
    result = vae(x, noise)
    assert result.posterior.log_variance is not None
    std = torch.exp(0.5 * result.posterior.log_variance)
    torch.testing.assert_close(result.z, result.posterior.mean + 0.3 * std * noise)


def test_many_draws_have_one_more_axis() -> None:
    posterior = Posterior(torch.zeros(5, 2), torch.zeros(5, 2))
    assert posterior.sample(torch.randn(3, 5, 2)).shape == (3, 5, 2)
    assert Posterior(torch.zeros(5, 2), None).sample(torch.randn(3, 5, 2)).shape == (3, 5, 2)
