"""The bound of a diffusion prior's log density: exact where the denoiser is.

Shape letters: N samples, K latents.
"""

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.test_diffusion_task import LABELS, model, ring, woken
from vaestro.foundation.samples import NOTHING, Given, SampleSpec
from vaestro.generation.diffusion.density import log_density_bound, log_density_bound_of_any_label
from vaestro.generation.diffusion.model import DiffusionConfig, LatentDiffusion
from vaestro.generation.diffusion.noise_levels import DdpmConfig, RectifiedFlowConfig
from vaestro.generation.diffusion.prior import DiffusionPrior, SamplingConfig
from vaestro.generation.priors.latents import Latents, Told
from vaestro.transforms.affine import Affine

MEAN = torch.tensor([0.3, -0.2, 0.1], dtype=torch.float64)
ROOT = torch.tensor([[1, 0, 0], [0.9, 0.3, 0], [0.2, -0.4, 0.6]], dtype=torch.float64)
COVARIANCE = ROOT @ ROOT.T


class Exact(LatentDiffusion):
    """The best denoiser of y ~ N(MEAN, COVARIANCE)."""

    def forward(
        self, x: Tensor, t: Tensor, given: Given = NOTHING, dropped: Tensor | None = None
    ) -> Tensor:
        a, s = self.config.path.signal_and_noise(t.reshape(-1, 1))
        seen = a[..., None].square() * COVARIANCE + s[..., None].square() * torch.eye(3)
        solved = torch.linalg.solve(seen, (x - a * MEAN)[..., None])[..., 0]
        return self.config.path.target(MEAN + (a * solved) @ COVARIANCE, s * solved, t[:, None])


def small(path: str, kind: type[LatentDiffusion] = Exact) -> LatentDiffusion:
    denoiser = {"kind": "mlp", "width": 4, "blocks": 1}
    config = DiffusionConfig.parse({"path": path, "denoiser": denoiser, "embedding": 4})
    module = kind(config, (3,), SampleSpec((3,), "real"), 0).double()
    module.standard = Affine(torch.tensor([1.0, 2.0, -1.0]), torch.tensor([2.0, 0.5, 3.0]))
    return module.eval()


def drawn(count: int) -> Tensor:
    """y ~ N(MEAN, COVARIANCE), (N, 3)."""
    random = torch.Generator().manual_seed(1)
    return MEAN + torch.randn(count, 3, generator=random, dtype=torch.float64) @ ROOT.T


@pytest.mark.parametrize("path", ["rectified-flow", "ddpm"])
def test_with_the_exact_denoiser_the_bound_is_the_density(path: str) -> None:
    module, y = small(path), drawn(4000)
    found = log_density_bound(module, module.standard.invert(y), NOTHING)
    exact = torch.distributions.MultivariateNormal(MEAN, COVARIANCE).log_prob(y)
    apart = found - (exact + module.standard.log_det)
    assert abs(float(apart.mean())) < 3 * float(apart.std()) / len(y) ** 0.5 + 0.01
    assert float(apart.std()) < 2
    start = small(path, LatentDiffusion)
    plain = log_density_bound(start, start.standard.invert(y), NOTHING)
    normal = torch.distributions.Normal(0.0, 1.0).log_prob(y).sum(1) + start.standard.log_det
    torch.testing.assert_close(plain, normal.double())  # a fresh network is that of N(0, I)
    assert float(found.mean() - plain.mean()) > 1


@pytest.mark.parametrize("path", ["rectified-flow", "ddpm"])
def test_a_denoiser_that_errs_has_less_than_the_density(path: str) -> None:
    module, y = small(path), drawn(4000)
    exact = torch.distributions.MultivariateNormal(MEAN, COVARIANCE).log_prob(y)
    right = Exact.forward

    class Wrong(Exact):
        def forward(self, x: Tensor, t: Tensor, *told: Any) -> Tensor:
            return right(self, x, t) + 0.2

    wrong = small(path, Wrong)
    found = log_density_bound(wrong, module.standard.invert(y), NOTHING)
    assert float((found - exact - module.standard.log_det).mean()) < -0.05


@pytest.mark.parametrize("path", [RectifiedFlowConfig(), DdpmConfig()])
def test_the_time_of_a_signal_to_noise_ratio(path: RectifiedFlowConfig | DdpmConfig) -> None:
    asked = torch.linspace(-6, 6, 50, dtype=torch.float64)
    a, s = path.signal_and_noise(path.time_of(asked))
    torch.testing.assert_close(2 * (a / s).log(), asked, rtol=0, atol=0.05)
    low, high = path.log_snr_range
    assert low < -15 and high > 9.9


def test_the_same_call_gives_the_same_and_samples_do_not_see_each_other() -> None:
    module, y = small("rectified-flow"), drawn(400)
    one, again = (log_density_bound(module, y, NOTHING) for _ in range(2))
    assert torch.equal(one, again)
    y[300:] += 1
    other = log_density_bound(module, y, NOTHING)
    torch.testing.assert_close(one[:300], other[:300])
    assert not torch.isclose(one[300:], other[300:]).any()
    assert log_density_bound(module, y[:0], NOTHING).shape == (0,)


class Labelled(Exact):
    """The best denoiser of N(+-2, 1) along every axis, the sign being the label's."""

    def forward(
        self, x: Tensor, t: Tensor, given: Given = NOTHING, dropped: Tensor | None = None
    ) -> Tensor:
        assert given.label is not None
        a, s = self.config.path.signal_and_noise(t.reshape(-1, 1))
        mean = 4.0 * given.label[:, None].double() - 2
        solved = (x - a * mean) / (a.square() + s.square())
        return self.config.path.target(mean + a * solved, s * solved, t[:, None])


def test_a_label_that_is_not_given_may_be_any() -> None:
    """Against the mixture's log density, of samples from both parts and from between them."""
    module = small("rectified-flow", Labelled)
    random = torch.Generator().manual_seed(1)
    label = torch.randint(2, (2000,), generator=random)
    noise = torch.randn(2000, 3, generator=random, dtype=torch.float64)
    y = (4.0 * label[:, None] - 2) * torch.linspace(0, 1, 2000)[:, None] + noise
    shares = torch.tensor([0.25, 0.75], dtype=torch.float64).log()
    z = module.standard.invert(y.double())
    found = log_density_bound_of_any_label(module, z, NOTHING, shares)
    parts = [torch.distributions.Normal(mean, 1.0).log_prob(y).sum(1) for mean in (-2.0, 2.0)]
    exact = (torch.stack(parts, 1) + shares).logsumexp(1) + module.standard.log_det
    apart = float((found - exact).mean())
    assert -0.15 < apart < 3 * float((found - exact).std()) / 2000**0.5 + 0.01


def test_what_is_told_counts() -> None:
    """Without what it is told the denoiser that is told nothing answers, if it ever learnt to."""
    points, label = ring(256)
    latents = Latents(points, None, Given(label))
    module = woken(model(latents, condition=LABELS | {"dropout": 0.1}))
    spec = SampleSpec((2,), "real", label_count=8)
    prior = DiffusionPrior(module, SamplingConfig(), spec)
    told = prior.log_density(points, Given(label))
    other = prior.log_density(points, Given((label + 1) % 8))
    untold = prior.log_density(points)
    assert told is not None and other is not None and untold is not None
    assert not torch.allclose(told, other) and not torch.allclose(told, untold)
    conditional = prior.held_out(points, Given(label), Told(labels=8))
    assert conditional is not None
    torch.testing.assert_close(conditional, told)
    whole, shuffled = (prior.held_out(points, Given(one), Told()) for one in (label, label.flip(0)))
    assert whole is not None and shuffled is not None
    torch.testing.assert_close(whole, shuffled)  # it does not look at the labels
    assert not torch.allclose(whole, told)
    never = woken(model(latents, condition=LABELS | {"dropout": 0.0}))
    assert DiffusionPrior(never, SamplingConfig(), spec).log_density(points) is None
