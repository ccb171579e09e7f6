"""The linear VAE against probabilistic PCA, whose optimum is known in closed form.

The numbers are those of scikit-learn's digits / 16 (1,797 samples of 64 elements, covariance 1/N).
"""

import math

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from vaestro.foundation.samples import SampleSpec
from vaestro.foundation.schedules import Horizon
from vaestro.metrics.ppca import eigenvalues, learned_optimum, log_likelihood, optimum
from vaestro.probability.likelihoods.gaussian import GaussianConfig
from vaestro.probability.likelihoods.kinds import build_likelihood
from vaestro.probability.objective import Objective, ObjectiveConfig
from vaestro.probability.posterior import Posterior
from vaestro.probability.priors.standard_normal import StandardNormal
from vaestro.probability.reduction import Reduction

DIGITS = torch.from_numpy(load_digits().data / 16)
VALUES = eigenvalues(DIGITS)


def test_eigenvalues_of_the_digits() -> None:
    assert VALUES.sum().item() == pytest.approx(4.693276317823, abs=1e-10)
    assert VALUES[:4].tolist() == pytest.approx([0.698857, 0.639167, 0.553553, 0.394704], abs=1e-6)


@pytest.mark.parametrize(
    ("latent", "variance", "likelihood", "kl"),
    [
        (2, 0.05411698, 0.005707, 2.513657),
        (5, 0.03619681, 8.907637, 6.481393),
        (10, 0.02275137, 17.451947, 12.796141),
        (20, 0.01127420, 27.277300, 25.438269),
    ],
)
def test_learned_variance(latent: int, variance: float, likelihood: float, kl: float) -> None:
    best = learned_optimum(VALUES, latent)
    assert best.variance == pytest.approx(variance, abs=1e-8)
    assert best.kl == pytest.approx(kl, abs=1e-6)
    assert -best.loss == pytest.approx(likelihood, abs=1e-6)
    assert log_likelihood(VALUES, latent) == pytest.approx(likelihood, abs=1e-6)


@pytest.mark.parametrize(
    ("tau", "live", "distortion", "kl"),
    [(0.1, 10, 2.228574, 5.393417), (0.5, 3, 4.301700, 0.341072), (0.7, 0, 4.693276, 0.0)],
)
def test_fixed_variance(tau: float, live: int, distortion: float, kl: float) -> None:
    best = optimum(VALUES, 10, tau)
    assert (best.live, best.distortion, best.kl) == (
        live,
        pytest.approx(distortion, abs=1e-6),
        pytest.approx(kl, abs=1e-6),
    )


@pytest.mark.parametrize(
    ("beta", "variance", "live"), [(0.5, 0.02082329, 10), (2, 0.02792214, 10), (4, 0.04728574, 7)]
)
def test_learned_variance_with_beta(beta: float, variance: float, live: int) -> None:
    best = learned_optimum(VALUES, 10, beta)
    assert best.variance == pytest.approx(variance, abs=1e-8)
    assert best.live == live


class Linear:
    """The linear VAE in double precision with its exact expectation over z, through our parts.

    log_prob is quadratic in the output, so its mean over z ~ N(m, S) is its value at the mean
    output plus half the trace term; both come from the likelihood that models use.
    """

    def __init__(
        self,
        x: Tensor,
        latent: int,
        variance: dict[str, object],
        beta: float,
        reduction: Reduction = "sum",
    ) -> None:
        torch.manual_seed(0)
        self.x = x - x.mean(0)
        elements = x.shape[1]
        spec = SampleSpec((elements,), "real")
        parsed = GaussianConfig.parse({"variance": variance})
        self.likelihood = build_likelihood(parsed, spec).double()
        self.w = (0.1 * torch.randn(elements, latent, dtype=torch.float64)).requires_grad_()
        self.v = (0.1 * torch.randn(latent, elements, dtype=torch.float64)).requires_grad_()
        self.log_d = torch.zeros(latent, dtype=torch.float64, requires_grad=True)
        self.beta = beta
        config = ObjectiveConfig(reduction=reduction)
        self.objective = Objective(config, elements, latent, 100, Horizon(1, 1))

    def terms(self):  # type: ignore[no-untyped-def]
        mean = self.x @ self.v.T
        posterior = Posterior(mean, self.log_d.expand_as(mean))
        kl = StandardNormal().divergence(posterior, mean)
        outputs = (mean @ self.w.T)[:, None]
        log_prob = self.likelihood.log_prob(self.x, outputs)
        # E over z adds -(1/2 var) sum_j d_j |w_j|^2: the cost of one spread-out column at a time
        columns = (self.w * torch.exp(0.5 * self.log_d)).T[:, None]
        nothing = torch.zeros_like(columns)
        spread = self.likelihood.log_prob(nothing[:, 0], columns)
        log_prob = log_prob + (spread - self.likelihood.log_prob(nothing[:, 0], nothing)).sum()
        return self.objective.terms(log_prob, kl, self.beta, 0)

    def fit(self):  # type: ignore[no-untyped-def]
        parameters = [self.w, self.v, self.log_d, *self.likelihood.parameters()]
        optimiser = torch.optim.LBFGS(
            parameters,
            max_iter=1500,
            history_size=30,
            tolerance_grad=1e-10,
            tolerance_change=1e-14,
            line_search_fn="strong_wolfe",
        )

        def closure() -> Tensor:
            optimiser.zero_grad()
            loss = self.terms().loss
            loss.backward()
            return loss

        optimiser.step(closure)
        return self.terms()


@pytest.mark.parametrize("latent", [2, 5, pytest.param(10, marks=pytest.mark.slow)])
def test_elbo_at_the_optimum_is_the_ppca_likelihood(latent: int) -> None:
    model = Linear(DIGITS, latent, {"kind": "shared"}, beta=1.0)
    terms = model.fit()
    assert -terms.loss.item() == pytest.approx(log_likelihood(VALUES, latent), abs=1e-4)
    assert terms.prior_term.item() == pytest.approx(learned_optimum(VALUES, latent).kl, abs=1e-3)


def test_subspace_norms_and_posterior_variances() -> None:
    tau, latent = 0.1, 10
    model = Linear(DIGITS, latent, {"kind": "fixed", "value": tau}, beta=1.0)
    terms = model.fit()
    best = optimum(VALUES, latent, tau)
    assert terms.prior_term.item() == pytest.approx(best.kl, abs=1e-4)
    _, vectors = torch.linalg.eigh(model.x.T @ model.x / len(model.x))
    principal = vectors.flip(1)[:, :latent]
    basis, _ = torch.linalg.qr(model.w.detach())
    angles = torch.linalg.svdvals(principal.T @ basis).clamp(max=1).arccos()
    assert angles.max() < 1e-3
    norms = model.w.detach().norm(dim=0).sort(descending=True).values
    torch.testing.assert_close(norms, (VALUES[:latent] - tau).sqrt(), atol=1e-3, rtol=0)
    variances = model.log_d.detach().exp().sort().values
    torch.testing.assert_close(variances, tau / VALUES[:latent], atol=1e-3, rtol=0)


@pytest.mark.parametrize("beta", [0.5, pytest.param(4.0, marks=pytest.mark.slow)])
def test_beta_and_variance_act_as_one_product(beta: float) -> None:
    model = Linear(DIGITS, 10, {"kind": "fixed", "value": 0.5 / beta}, beta=beta)
    terms = model.fit()
    assert terms.prior_term.item() == pytest.approx(0.341072, abs=1e-3)


@pytest.mark.parametrize(
    ("reduction", "beta"),
    [
        ("sum", 1.0),
        pytest.param("mean", 1 / 64, marks=pytest.mark.slow),
        ("mean-both", 10 / 64),
        pytest.param("mean-batch-sum", 1 / 6400, marks=pytest.mark.slow),
    ],
)
def test_every_reduction_is_one_effective_variance(reduction: Reduction, beta: float) -> None:
    """Four ways to write the loss of tau = 0.5 have one optimum (N 64, K 10, B 100)."""
    model = Linear(DIGITS, 10, {"kind": "fixed", "value": 0.5}, beta, reduction)
    terms = model.fit()
    best = optimum(VALUES, 10, 0.5)
    assert terms.prior_term.item() == pytest.approx(best.kl, abs=1e-3)
    distortion = (terms.data_term.item() - 32 * math.log(math.pi)) * 2 * 0.5
    assert distortion == pytest.approx(best.distortion, abs=1e-3)


@pytest.mark.slow
def test_annealing_changes_nothing_in_the_linear_case() -> None:
    """First at a hundredth of beta, then at beta: the optimum is the one without a ramp."""
    model = Linear(DIGITS, 10, {"kind": "fixed", "value": 0.5}, beta=0.01)
    eager = model.fit()
    assert eager.prior_term.item() > 10
    model.beta = 1.0
    terms = model.fit()
    assert terms.prior_term.item() == pytest.approx(0.341072, abs=1e-4)
    distortion = terms.data_term.item() - 32 * math.log(math.pi)
    assert distortion == pytest.approx(4.301700, abs=1e-4)


def test_rate_distortion_slope() -> None:
    """dDist/dKL = -2 tau and dL*/dbeta = KL* along the closed-form optimum."""
    variance = 0.1
    for beta in (0.3, 0.7, 1.3, 2.9):
        h = 1e-5 * beta
        low, high = (optimum(VALUES, 10, variance, b) for b in (beta - h, beta + h))
        slope = (high.distortion - low.distortion) / (high.kl - low.kl)
        assert slope == pytest.approx(-2 * beta * variance, rel=0.01)
        here = optimum(VALUES, 10, variance, beta)
        assert (high.loss - low.loss) / (2 * h) == pytest.approx(here.kl, rel=0.01)


@pytest.mark.parametrize("seed", range(4))
def test_live_directions_on_random_covariances(seed: int) -> None:
    """Directions live exactly when their eigenvalue exceeds beta * variance (10 % away from it)."""
    generator = torch.Generator().manual_seed(seed)
    tau = 0.3
    factors = torch.tensor([3.0, 2.0, 1.3, 1.11, 0.89, 0.7, 0.3, 0.1], dtype=torch.float64)
    rotation, _ = torch.linalg.qr(torch.randn(8, 8, generator=generator, dtype=torch.float64))
    raw = torch.randn(400, 8, generator=generator, dtype=torch.float64)
    raw = raw - raw.mean(0)
    white = raw @ torch.linalg.inv(torch.linalg.cholesky(raw.T @ raw / len(raw))).T
    x = white @ torch.diag((factors * tau).sqrt()) @ rotation.T
    torch.testing.assert_close(eigenvalues(x), factors * tau)
    terms = Linear(x, 8, {"kind": "fixed", "value": tau / 2}, beta=2.0).fit()
    assert int((terms.kl_per_dimension > 0.001).sum()) == 4
    expected = 0.5 * torch.log(factors[:4])
    got = terms.kl_per_dimension.detach().sort(descending=True).values[:4]
    torch.testing.assert_close(got, expected, atol=1e-4, rtol=0)


def test_gaussian_source_in_bits() -> None:
    values = torch.tensor([4.0, 2.0, 1.0, 0.5, 0.1, 0.1, 0.1, 0.1], dtype=torch.float64)
    best = optimum(values, 4, 0.25)
    assert best.kl == pytest.approx(3.465736, abs=1e-6)
    assert best.kl / math.log(2) == pytest.approx(5.0)
    assert best.distortion == pytest.approx(1.4)
