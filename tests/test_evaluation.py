"""Evaluation against models whose likelihood is known exactly."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor
from torch.distributions import MultivariateNormal

from tests.conftest import Silent, small_recipe
from vaestro.evaluation import likelihood
from vaestro.evaluation.evaluate import evaluate
from vaestro.evaluation.likelihood import likelihoods
from vaestro.evaluation.settings import Settings
from vaestro.experiments import train as training
from vaestro.experiments.assemble import assemble
from vaestro.experiments.run import load
from vaestro.foundation.errors import DataError
from vaestro.foundation.samples import Batch, SampleSpec
from vaestro.health.baselines import constant_data_term
from vaestro.metrics.aggregate import surgery
from vaestro.metrics.importance import Weights, marginal_log_prob
from vaestro.metrics.ppca import eigenvalues, log_likelihood, optimum
from vaestro.models.build import build_vae
from vaestro.models.config import ModelConfig
from vaestro.models.vae import VAE
from vaestro.training.plan import choose
from vaestro.transforms.identity import Identity

DIGITS = torch.from_numpy(load_digits().data / 16)
DIGITS = DIGITS - DIGITS.mean(0)
SPEC = SampleSpec((64,), "real")


def ppca(latent: int, variance: float, widening: float = 1.0) -> tuple[VAE, Tensor]:
    """The linear VAE at its analytic optimum, and W. The posterior's variance is widened."""
    linear = {"kind": "dense", "widths": []}
    config = ModelConfig.parse(
        {
            "latent": latent,
            "encoder": linear,
            "decoder": linear,
            "likelihood": {"kind": "gaussian", "variance": variance},
        }
    )
    vae = build_vae(config, SPEC, Identity(), torch.zeros(64), 0).double().eval()
    values, vectors = torch.linalg.eigh(DIGITS.T @ DIGITS / len(DIGITS))
    top, u = values.flip(0)[:latent], vectors.flip(1)[:, :latent]
    w = u * (top - variance).sqrt()
    with torch.no_grad():
        head = vae.head.levels[0].last[0]
        vae.decoder.head.weight.copy_(w)
        vae.decoder.head.bias.zero_()
        head.weight[:latent] = (u * (top - variance).sqrt() / top).T
        head.weight[latent:] = 0
        head.bias[:latent] = 0
        head.bias[latent:] = (variance / top * widening).log()
    return vae, w


def batches(x: Tensor) -> list[Batch]:
    return [Batch(part, None, torch.arange(len(part))) for part in x.split(500)]


def test_the_exact_posterior_gives_the_exact_likelihood() -> None:
    vae, w = ppca(10, 0.1)
    figures = likelihoods(vae, batches(DIGITS), samples=1, seed=0)
    exact = MultivariateNormal(
        torch.zeros(64, dtype=torch.float64), w @ w.T + 0.1 * torch.eye(64, dtype=torch.float64)
    ).log_prob(DIGITS)
    assert figures.nll is not None
    torch.testing.assert_close(-figures.nll, exact, rtol=0, atol=1e-10)


@pytest.mark.parametrize(("widening", "gap"), [(1.5, 0.472674), (2.0, 1.534264)])
def test_a_too_wide_posterior_costs_its_known_gap(widening: float, gap: float) -> None:
    vae, w = ppca(10, 0.1, widening)
    exact = MultivariateNormal(
        torch.zeros(64, dtype=torch.float64), w @ w.T + 0.1 * torch.eye(64, dtype=torch.float64)
    ).log_prob(DIGITS)
    some, exact = DIGITS[::4], exact[::4]
    record = evaluate(vae, lambda: batches(some), Settings(samples=256))
    bounds = [likelihoods(vae, batches(some), samples=1, seed=s) for s in range(16)]
    draws = [-float((b.data_term + b.prior_term).mean()) for b in bounds]
    error = float(np.std(draws) / math.sqrt(len(draws)))
    assert np.mean(draws) == pytest.approx(float(exact.mean()) - gap, abs=4 * error + 1e-3)
    within = 4 * record["nll_monte_carlo_error"] + 1e-3
    assert record["nll"] == pytest.approx(-float(exact.mean()), abs=within)


def test_the_bound_rises_with_the_number_of_draws() -> None:
    vae, _ = ppca(10, 0.1, 2.0)
    nll = [
        evaluate(vae, lambda: batches(DIGITS[:600]), Settings(samples=s))["nll"]
        for s in (1, 4, 16, 64, 256)
    ]
    assert nll == sorted(nll, reverse=True)


def test_the_optimum_has_its_known_terms_and_no_mismatch() -> None:
    vae, _ = ppca(10, 0.1)
    record = evaluate(vae, lambda: batches(DIGITS), Settings(samples=1))
    best = optimum(eigenvalues(DIGITS), 10, 0.1)
    assert record["prior_term"] == pytest.approx(best.kl, abs=1e-6)
    assert record["live_dimensions"] == 10
    assert record["mse"] * 64 == pytest.approx(
        float((0.01 / eigenvalues(DIGITS)[:10]).sum() + eigenvalues(DIGITS)[10:].sum()), rel=1e-6
    )
    means = vae.encode(DIGITS).mean
    total = torch.cov(means.T, correction=0) + torch.diag(0.1 / eigenvalues(DIGITS)[:10])
    torch.testing.assert_close(total, torch.eye(10, dtype=torch.float64), rtol=0, atol=2e-3)


def test_mutual_information_of_a_gaussian_channel() -> None:
    """Source variances (4, 2, 1, .5) at tau 1/4: 3.4657 nats, and q(z) is the prior."""
    generator = torch.Generator().manual_seed(0)
    values = torch.tensor([4.0, 2.0, 1.0, 0.5], dtype=torch.float64)
    x = torch.randn(5000, 4, generator=generator, dtype=torch.float64) * values.sqrt()
    mean = x * (values - 0.25).sqrt() / values
    log_variance = (0.25 / values).log().expand(5000, 4)
    z = mean + torch.exp(0.5 * log_variance) * torch.randn(
        5000, 4, generator=generator, dtype=torch.float64
    )
    log_prior = -0.5 * (z.square() + math.log(2 * math.pi)).sum(1)
    parts = surgery(mean, log_variance, z, log_prior)
    assert parts.mutual_information == pytest.approx(3.465736, abs=0.05)
    assert parts.prior_mismatch == pytest.approx(0.0, abs=0.05)
    assert parts.cap == pytest.approx(math.log(5000))


def test_importance_weights_by_hand() -> None:
    weights = torch.tensor([[0.0, 800.0], [math.log(3), 800.0]], dtype=torch.float64)
    result = marginal_log_prob(weights)
    torch.testing.assert_close(
        result.log_prob, torch.tensor([math.log(2), 800.0], dtype=torch.float64)
    )
    torch.testing.assert_close(result.variance, torch.tensor([0.25, 0.0], dtype=torch.float64))


def test_weights_in_chunks_are_weights_at_once() -> None:
    logs = 30 * torch.randn(50, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    whole = marginal_log_prob(logs)
    parts = Weights.of(logs[:13]).joined(Weights.of(logs[13:14])).joined(Weights.of(logs[14:]))
    relative = torch.exp(logs - whole.log_prob)
    torch.testing.assert_close(parts.marginal.log_prob, whole.log_prob)
    torch.testing.assert_close(parts.marginal.variance, relative.var(0) / 50)


def test_memory_is_bounded_by_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for three samples at a time the figures are those of the same draws elsewhere."""
    vae, w = ppca(10, 0.1, 2.0)
    exact = MultivariateNormal(
        torch.zeros(64, dtype=torch.float64), w @ w.T + 0.1 * torch.eye(64, dtype=torch.float64)
    ).log_prob(DIGITS[:40])
    monkeypatch.setattr(likelihood, "CHUNK_ELEMENTS", 3 * 64)
    held: list[int] = []
    decode = vae.decode
    monkeypatch.setattr(vae, "decode", lambda z, given: held.append(len(z)) or decode(z, given))
    record = evaluate(vae, lambda: batches(DIGITS[:40]), Settings(samples=500))
    within = 4 * record["nll_monte_carlo_error"] + 1e-3
    assert record["nll"] == pytest.approx(-float(exact.mean()), abs=within)
    assert sorted(held)[-4] <= 3  # whole batches are decoded once for the terms, and for the mse


def test_quadrature_of_a_nonlinear_decoder() -> None:
    """Two latents, a tanh decoder: importance weighting agrees with a grid over z."""
    config = ModelConfig.parse(
        {
            "latent": 2,
            "encoder": {"kind": "dense", "widths": [8], "activation": "tanh"},
            "decoder": {"kind": "dense", "widths": [8], "activation": "tanh"},
            "likelihood": {"kind": "gaussian", "variance": 0.3},
        }
    )
    spec = SampleSpec((3,), "real")
    vae = build_vae(config, spec, Identity(), torch.zeros(3), 1).double().eval()
    x = torch.randn(6, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    figures = likelihoods(vae, batches(x), samples=5000, seed=0)
    axis = torch.linspace(-7, 7, 400, dtype=torch.float64)
    z = torch.cartesian_prod(axis, axis)
    cell = 2 * math.log(float(axis[1] - axis[0]))
    with torch.no_grad():
        outputs, prior = vae.decode(z), vae.prior.log_prob(z)
        exact = torch.stack(
            [
                torch.logsumexp(vae.likelihood.log_prob(row.expand(len(z), 3), outputs) + prior, 0)
                for row in x
            ]
        )
    assert figures.nll is not None
    assert figures.nll_variance is not None
    error = (-figures.nll - (exact + cell)).abs()
    assert (error < 4 * figures.nll_variance.sqrt() + 1e-6).all()


def test_no_model_beats_the_entropy_of_its_training_set(tmp_path: Path) -> None:
    """16 distinct binary patterns, uniform: the true -log p is at least ln 16."""
    patterns = torch.tensor(
        [[int(b) for b in f"{i:04b}" * 3] for i in range(16)], dtype=torch.float32
    )
    x = patterns.repeat(40, 1).numpy()
    from vaestro.data.arrays import from_array

    recipe = small_recipe(training={"epochs": 60, "batch_size": 64, "learning_rate": 5e-3})
    training.start(recipe, tmp_path / "r", Silent(), from_array(x))

    record = load(tmp_path / "r").evaluate("train", samples=512)
    assert record["nll"] >= math.log(16) - 4 * record["nll_monte_carlo_error"]
    assert record["nll"] < 5
    assert record["bits_per_dimension"] == pytest.approx(record["nll"] / 12 / math.log(2))


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        (
            {"kind": "gaussian", "variance": 0.5},
            lambda x: float((x - x.mean(0)).square().sum(1).mean() + 32 * math.log(math.pi)),
        ),
        (
            {"kind": "gaussian", "variance": {"kind": "shared"}},
            lambda x: 32 * (math.log(2 * math.pi * float(x.var(0, correction=0).mean())) + 1),
        ),
    ],
)
def test_the_best_constant(family: dict[str, object], expected: object) -> None:
    recipe = small_recipe(model={"likelihood": family})
    parts = assemble(recipe, choose(recipe.training))
    x = torch.cat([b.x for b in parts.material.batches("train")()])
    flat = x.double().flatten(1)
    want = expected(flat)  # type: ignore[operator]
    assert constant_data_term(parts.vae, x) == pytest.approx(want, rel=1e-5)


def test_an_empty_split_is_refused() -> None:
    vae, _ = ppca(2, 0.1)
    with pytest.raises(DataError, match="no samples"):
        evaluate(vae, list)


@pytest.mark.slow
def test_sampled_training_reaches_the_ppca_likelihood(tmp_path: Path) -> None:
    """Adam on sampled z ends within 0.05 nats of the closed form, the variance within 1 %."""
    from vaestro.experiments.recipe import read_recipe

    recipe = read_recipe(
        "digits-linear",
        [
            "training.precision=fp64",
            "split.test=0.0",
            "split.validation=0.01",
            "training.epochs=3000",
            "training.batch_size=300",
            "training.ema=0.99",
            "model.likelihood.variance=shared",
            "model.likelihood.variance.initial=0.05",
            "training.learning_rate.start=1e-2",
            "training.learning_rate.end=1e-4",
        ],
    )
    summary = training.start(recipe, tmp_path / "r", Silent())

    run = load(tmp_path / "r")
    x = torch.cat([b.x for b in run.batches("train")()]).flatten(1).double()
    values = eigenvalues(x)
    draws = [run.evaluate("train", samples=1, seed=s)["elbo"] for s in range(16)]
    assert np.mean(draws) == pytest.approx(log_likelihood(values, 10), abs=0.05)
    with torch.no_grad():
        variance = float(run.vae.likelihood.std(torch.zeros(1, 1, 1, 8, 8)) ** 2)  # type: ignore[operator]
    assert variance == pytest.approx(float(values[10:].mean()), rel=0.01)
    assert summary["verdict"] == "healthy"


def test_a_network_with_skips_says_what_goes_around_the_bottleneck(tmp_path: Path) -> None:
    network = {"kind": "unet", "channels": [4, 8]}
    recipe = small_recipe(model={"encoder": network, "decoder": network | {"channels": [8, 4]}})
    summary = training.start(recipe, tmp_path / "run", Silent())
    run = load(tmp_path / "run")
    record = run.evaluate("validation", samples=2)
    around = sum(record["kl_per_dimension"][recipe.model.latent :])
    assert record["skip_term"] == pytest.approx(around)
    assert 0 < record["skip_term"] < record["prior_term"]
    assert summary["validation"]["skip_term"] == pytest.approx(record["skip_term"], rel=0.01)
    vae, _ = ppca(2, 0.05)
    assert evaluate(vae, lambda: batches(DIGITS), Settings(samples=1))["skip_term"] is None
