"""The mixture prior: density against torch.distributions, KL against Monte Carlo, samples."""

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from tests.conftest import random
from tests.gaussian_posteriors import posterior, spread
from vaestro.probability.posterior import Posterior
from vaestro.probability.priors.mixture import Mixture, MixtureConfig
from vaestro.probability.priors.standard_normal import StandardNormal


def mixture(components: int = 3, latent: int = 2, changed: bool = True) -> Mixture:
    prior = Mixture(MixtureConfig(components=components), latent, random()).double()
    if changed:  # away from equal weights and unit variances
        with torch.no_grad():
            prior.logits.copy_(torch.randn(components, generator=random(1)))
            prior.raw_log_variances.copy_(torch.randn(components, latent, generator=random(2)))
    return prior


def reference(prior: Mixture) -> MixtureSameFamily:
    gaussians = Normal(prior.means, torch.exp(0.5 * prior.log_variances))
    return MixtureSameFamily(Categorical(logits=prior.logits), Independent(gaussians, 1))


@pytest.mark.parametrize("leading", [(7,), (4, 7), ()])
def test_mixture_density_is_that_of_torch(leading: tuple[int, ...]) -> None:
    prior = mixture()
    z = 3 * torch.randn(*leading, 2, generator=random(4), dtype=torch.float64)
    torch.testing.assert_close(prior.log_prob(z), reference(prior).log_prob(z), rtol=0, atol=1e-12)


def test_mixture_density_is_finite_where_every_component_is_far() -> None:
    prior = mixture().float()
    z = torch.full((1, 2), 1e4)
    value = prior.log_prob(z)
    value.sum().backward()
    assert torch.isfinite(value).all()
    assert value.item() < -1e6
    assert prior.means.grad is not None and torch.isfinite(prior.means.grad).all()


def test_mixture_divergence_sums_to_the_ratio_of_densities() -> None:
    prior, q = mixture(latent=5), posterior(6, 5)
    z = q.sample(torch.randn(6, 5, generator=random(1), dtype=torch.float64))
    columns = prior.divergence(q, z)
    assert columns.shape == (6, 5)
    whole = q.log_prob(z) - prior.log_prob(z)
    torch.testing.assert_close(columns.sum(1), whole, rtol=0, atol=1e-12)


def test_mixture_divergence_gives_each_dimension_its_marginal_and_an_equal_share() -> None:
    """Dimension 0 tells two components apart and dimension 1 does not: what exceeds the marginals'
    ratios is equal in both, and 0 because the mixture is a product."""
    prior = mixture(components=2, changed=False)
    with torch.no_grad():
        prior.means.copy_(torch.tensor([[-2.0, 0.0], [2.0, 0.0]]))
    q = posterior(4, 2)
    z = q.mean + 0.3
    own = Normal(q.mean, spread(q)).log_prob(z)
    two = torch.stack([Normal(m, 1.0).log_prob(z[:, 0]) for m in (-2.0, 2.0)])
    marginals = torch.stack([two.logsumexp(0) - math.log(2), Normal(0.0, 1.0).log_prob(z[:, 1])], 1)
    torch.testing.assert_close(prior.divergence(q, z), own - marginals, rtol=0, atol=1e-12)
    with torch.no_grad():
        prior.means.copy_(torch.tensor([[-2.0, -2.0], [2.0, 2.0]]))  # now no product
    two = torch.stack([Normal(m, 1.0).log_prob(z) for m in (-2.0, 2.0)])
    excess = prior.divergence(q, z) - (own - two.logsumexp(0) + math.log(2))
    torch.testing.assert_close(excess[:, 0], excess[:, 1])
    assert excess.abs().min() > 0.01


@torch.no_grad()
def test_mixture_divergence_averages_to_the_kl() -> None:
    """One draw a time, against as many draws from torch's own densities."""
    prior, q = mixture(latent=3), posterior(1, 3)
    count = 200_000
    z = q.sample(torch.randn(count, 1, 3, generator=random(8), dtype=torch.float64))
    ours = prior.divergence(q, z).sum(-1)
    assert ours.shape == (count, 1)
    gaussian = Independent(Normal(q.mean[0], spread(q)[0]), 1)
    torch.manual_seed(0)
    other = gaussian.sample((count,))
    theirs = gaussian.log_prob(other) - reference(prior).log_prob(other)
    error = math.sqrt(float(ours.var() + theirs.var()) / count)
    assert abs(float(ours.mean() - theirs.mean())) < 4 * error
    assert error < 0.01


@torch.no_grad()
def test_one_standard_component_is_the_standard_normal() -> None:
    prior = Mixture(MixtureConfig(components=1), 3, random()).double()
    prior.means.zero_()
    q = posterior(1, 3)
    count = 200_000
    z = q.sample(torch.randn(count, 1, 3, generator=random(8), dtype=torch.float64))
    torch.testing.assert_close(prior.log_prob(z), StandardNormal().log_prob(z))
    estimates = prior.divergence(q, z)[:, 0]
    exact = StandardNormal().divergence(q, q.mean)[0]
    error = estimates.std(0) / math.sqrt(count)
    assert ((estimates.mean(0) - exact).abs() < 4 * error).all()


def test_every_parameter_of_the_mixture_learns_and_components_differ() -> None:
    prior, q = mixture(components=4, changed=False), posterior(16, 2)
    z = q.sample(torch.randn(16, 2, generator=random(1), dtype=torch.float64))
    prior.divergence(q, z).sum().backward()
    for name, parameter in prior.named_parameters():
        assert parameter.grad is not None, name
        assert (parameter.grad != 0).all(), name
    assert len(prior.means.detach().unique(dim=0)) == 4
    assert len(prior.means.grad.unique(dim=0)) == 4  # type: ignore[union-attr]


def test_mixture_means_start_with_the_spread_asked_for_and_follow_the_generator() -> None:
    def means(seed: int, spread: float) -> Tensor:
        config = MixtureConfig(components=50, spread=spread)
        return Mixture(config, 40, random(seed)).means.detach()

    assert means(0, 0.5).std().item() == pytest.approx(0.5, rel=0.05)
    torch.testing.assert_close(means(0, 2.0), 4 * means(0, 0.5))
    assert not torch.equal(means(0, 1.0), means(1, 1.0))


def test_mixture_samples_have_its_weights_means_and_spreads() -> None:
    prior = mixture(components=2, latent=2, changed=False)
    with torch.no_grad():
        prior.means.copy_(torch.tensor([[-50.0, 0.0], [50.0, 3.0]]))
        prior.logits.copy_(torch.tensor([0.2, 0.8]).log())
        prior.raw_log_variances.copy_(torch.tensor([[0.0, 0.0], [0.0, math.log(4.0)]]))
    z = prior.sample(40_000, 2, random(2))
    right = z[z[:, 0] > 0]
    assert len(right) / len(z) == pytest.approx(0.8, abs=4 * math.sqrt(0.16 / 40_000))
    assert right[:, 1].mean().item() == pytest.approx(3.0, abs=0.05)
    assert right[:, 1].std().item() == pytest.approx(2.0, rel=0.02)
    assert z[z[:, 0] < 0][:, 1].std().item() == pytest.approx(1.0, rel=0.04)
    assert torch.equal(z, prior.sample(40_000, 2, random(2)))
    assert not z.requires_grad


@pytest.mark.parametrize("raw", [-1e10, -1e3, 1e3, 1e10])
@pytest.mark.parametrize("components", [1, 3])
def test_a_far_log_variance_of_the_mixture_is_finite_and_pushed_back(
    raw: float, components: int
) -> None:
    """The components that z belongs to are pushed back; all are where none explains it better."""
    prior = mixture(components, changed=False).float()
    with torch.no_grad():
        prior.raw_log_variances.fill_(raw)
    q = Posterior(torch.zeros(2, 2), torch.zeros(2, 2))
    prior.divergence(q, torch.ones(2, 2)).sum().backward()
    gradient = prior.raw_log_variances.grad
    assert gradient is not None
    assert torch.isfinite(gradient).all()
    assert ((gradient * raw > 0).any(0)).all()  # a descent step leads back
    assert (gradient * raw >= 0).all()


def test_the_mixture_fits_two_clusters() -> None:
    """Its density reaches that of the clusters' own within 0.02 nats."""
    torch.manual_seed(0)
    target = MixtureSameFamily(
        Categorical(torch.tensor([0.3, 0.7])),
        Independent(Normal(torch.tensor([[-3.0, 1.0], [2.0, -1.0]]), torch.tensor(0.5)), 1),
    )
    z = target.sample((4000,))
    prior = Mixture(MixtureConfig(components=4), 2, random())
    optimiser = torch.optim.Adam(prior.parameters(), 0.05)
    for _ in range(300):
        optimiser.zero_grad()
        loss = -prior.log_prob(z).mean()
        loss.backward()
        optimiser.step()
    assert loss.item() == pytest.approx(-target.log_prob(z).mean().item(), abs=0.02)
