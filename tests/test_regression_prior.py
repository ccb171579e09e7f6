"""The regression prior: KL against torch.distributions, units, samples, refusals."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from tests.conftest import random
from tests.gaussian_posteriors import posterior, spread
from vaestro.foundation.errors import DataError, RecipeError
from vaestro.foundation.samples import NOTHING, Given
from vaestro.probability.posterior import Posterior
from vaestro.probability.priors.regression import Regression, RegressionConfig

LENGTHS = 80 + 25 * torch.randn(500, generator=torch.Generator().manual_seed(3))


def regression(form: str = "line", latent: int = 3) -> Regression:
    config = RegressionConfig.parse({"covariate": "length", "form": form})
    prior = Regression(config, latent, 1, random()).double()
    prior.fit(LENGTHS)
    return prior


def given(r: Tensor) -> Given:
    """r in the second of two columns."""
    return Given(None, torch.stack([torch.zeros_like(r), r], dim=1))


@pytest.mark.parametrize("form", ["line", "curve"])
def test_regression_divergence_is_torchs_kl(form: str) -> None:
    prior, q = regression(form), posterior(6, 3)
    r = torch.linspace(20, 140, 6, dtype=torch.float64)
    mean, log_variance = (t.expand(6, 3) for t in prior.at(r))
    gaussians = Normal(q.mean, spread(q))
    expected = kl_divergence(gaussians, Normal(mean, torch.exp(0.5 * log_variance)))
    torch.testing.assert_close(prior.divergence(q, q.mean, given(r)), expected, rtol=0, atol=1e-12)
    z = torch.randn(5, 6, 3, generator=random(), dtype=torch.float64)
    density = Normal(mean, torch.exp(0.5 * log_variance)).log_prob(z).sum(-1)
    torch.testing.assert_close(prior.log_prob(z, given(r)), density, rtol=0, atol=1e-12)


def test_divergence_from_the_prior_itself_is_nothing() -> None:
    prior = regression("curve")
    r = torch.linspace(20, 140, 6, dtype=torch.float64)
    q = Posterior(*(t.detach() for t in prior.at(r)))
    assert prior.divergence(q, q.mean, given(r)).abs().max() < 1e-15


def test_a_line_has_unit_steps_and_one_variance_that_starts_at_one() -> None:
    prior = regression("line", latent=7)
    centre, step = LENGTHS.double().mean(), LENGTHS.double().std(correction=0)
    mean, log_variance = prior.at(torch.stack([centre, centre + step, centre - 2 * step]))
    torch.testing.assert_close(mean.norm(dim=1).detach(), torch.tensor([0.0, 1.0, 2.0]).double())
    torch.testing.assert_close(mean[2], -2 * mean[1])
    assert log_variance.numel() == 1
    assert log_variance.item() == 0


def test_a_curve_is_bent_and_has_a_variance_for_each_dimension() -> None:
    prior = regression("curve")
    with torch.no_grad():
        form: Any = prior.form
        form.last.weight.normal_(generator=random(3))
    r = torch.linspace(30, 130, 3, dtype=torch.float64)
    mean, log_variance = prior.at(r)
    assert log_variance.shape == (3, 3)
    assert len(log_variance.detach().unique()) == 9
    assert (mean[0] + mean[2] - 2 * mean[1]).abs().min() > 0.01


@pytest.mark.parametrize("form", ["line", "curve"])
def test_every_parameter_of_the_regression_prior_learns(form: str) -> None:
    prior, q = regression(form), posterior(16, 3)
    prior.divergence(q, q.mean, given(LENGTHS[:16].double())).sum().backward()
    for name, parameter in prior.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_the_curve_learns_a_curve() -> None:
    """z = (s^2, sin 2s) of the standardised r with spread 0.1: the fit comes within 0.1 nats."""
    prior = Regression(
        RegressionConfig.parse({"covariate": "length", "form": "curve"}), 2, 0, random()
    )
    prior.fit(LENGTHS)
    s = (LENGTHS - LENGTHS.mean()) / LENGTHS.std(correction=0)
    s, r = s[s.abs() < 2], LENGTHS[s.abs() < 2]
    truth = torch.stack([s.square(), torch.sin(2 * s)], 1)
    z = truth + 0.1 * torch.randn(truth.shape, generator=random(1))
    optimiser = torch.optim.Adam(prior.parameters(), 0.02)
    for _ in range(1200):
        optimiser.zero_grad()
        loss = -prior.log_prob(z, Given(None, r[:, None])).mean()
        loss.backward()
        optimiser.step()
    assert loss.item() < -Normal(truth, 0.1).log_prob(z).sum(1).mean().item() + 0.1


def test_natural_units_do_not_matter() -> None:
    """Millimetres or centimetres: the same prior."""
    one, other = regression(), regression()
    other.fit(LENGTHS / 10)
    q, r = posterior(4, 3), LENGTHS[:4].double()
    torch.testing.assert_close(
        one.divergence(q, q.mean, given(r)),
        other.divergence(q, q.mean, given(r / 10)),
        rtol=1e-6,
        atol=1e-6,
    )


def test_samples_lie_where_their_covariate_says() -> None:
    prior = regression("line", latent=2)
    r = LENGTHS.mean() + 5 * LENGTHS.std(correction=0)
    z = prior.sample(20_000, 2, random(), given(r.expand(20_000)))
    error = 4 / math.sqrt(20_000)
    assert ((z.mean(0) - 5 * direction(prior)).abs() < error).all()
    assert ((z.std(0) - 1).abs() < error).all()


def direction(prior: Regression) -> Tensor:
    """Of unit length, from the means one standard deviation of r apart."""
    step = LENGTHS.double().std(correction=0)
    mean, _ = prior.at(torch.stack([LENGTHS.double().mean() + step]))
    return mean[0].detach().float()


def test_what_was_fitted_is_kept_with_the_model() -> None:
    fitted, fresh = regression(), regression()
    fresh.fit(LENGTHS * 3)
    fresh.load_state_dict(fitted.state_dict())
    r = given(LENGTHS[:5])
    assert torch.equal(fresh.sample(5, 3, random(), r), fitted.sample(5, 3, random(), r))


@pytest.mark.parametrize("told", [NOTHING, Given(None, torch.zeros(4, 1))])
def test_a_missing_covariate_is_one_line(told: Given) -> None:
    prior, q = regression(), posterior(4, 3)
    with pytest.raises(RecipeError, match="depends on the covariate length") as fault:
        prior.divergence(q, q.mean, told)
    assert "\n" not in str(fault.value)
    with pytest.raises(RecipeError, match="length"):
        prior.log_prob(q.mean, told)


def test_a_covariate_that_never_varies_is_refused() -> None:
    with pytest.raises(DataError, match="length is 7 in every training sample"):
        regression().fit(torch.full((20,), 7.0))


def test_half_precision_of_the_curves_layers_does_not_reach_the_densities() -> None:
    prior = Regression(
        RegressionConfig.parse({"covariate": "length", "form": "curve"}), 3, 0, random()
    )
    prior.fit(LENGTHS)
    z, told = torch.zeros(4, 3), Given(None, LENGTHS[:4, None])
    with torch.autocast("cpu", torch.bfloat16):
        value = prior.log_prob(z, told)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, prior.log_prob(z, told), rtol=0.02, atol=0.02)
