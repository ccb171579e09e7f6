"""Annealed importance sampling against likelihoods that are known exactly."""

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from tests.test_evaluation import DIGITS, batches, ppca
from vaestro.evaluation import annealed
from vaestro.evaluation.annealed import annealed_log_prob
from vaestro.evaluation.evaluate import evaluate
from vaestro.evaluation.settings import Settings
from vaestro.foundation.samples import Batch, SampleSpec
from vaestro.models.build import build_vae
from vaestro.models.config import ModelConfig
from vaestro.models.vae import VAE
from vaestro.transforms.identity import Identity

SOME = DIGITS[:40]


def exact(w: Tensor) -> Tensor:
    covariance = w @ w.T + 0.1 * torch.eye(64, dtype=torch.float64)
    return MultivariateNormal(torch.zeros(64, dtype=torch.float64), covariance).log_prob(SOME)


def annealed_over(vae: VAE, distributions: int, x: Tensor = SOME) -> annealed.Annealed:
    (batch,) = batches(x)
    return annealed_log_prob(vae, batch, distributions, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("widening", [1.0, 0.25, 2.0])
def test_annealing_finds_the_exact_likelihood(widening: float) -> None:
    """Of the linear model, from posteriors as wide as they are, too narrow and too wide. The mean
    of a logarithm lies below it by about half the variance."""
    vae, w = ppca(10, 0.1, widening)
    found = annealed_over(vae, 80)
    error = float((found.log_prob - exact(w)).mean())
    allowed = 4 * float(found.variance.sum().sqrt()) / len(SOME)
    assert -allowed - float(found.variance.mean()) / 2 < error < allowed
    assert allowed < 0.3
    assert 0.5 < found.accepted < 0.8


def test_annealing_corrects_what_importance_weighting_cannot() -> None:
    """With posteriors a tenth as wide as they are, and as many decoder passes for both."""
    vae, w = ppca(10, 0.1, 0.1)
    found = annealed_over(vae, 40)
    passes = 40 * annealed.LEAPS * annealed.CHAINS
    record = evaluate(vae, lambda: batches(SOME), Settings(samples=passes))
    truth = -float(exact(w).mean())
    missed = record["nll"] - truth
    assert missed > 0.4
    assert abs(-float(found.log_prob.mean()) - truth) < missed / 2


def test_more_distributions_tighten_the_bound() -> None:
    vae, w = ppca(10, 0.1, 0.1)
    short, long = (annealed_over(vae, count) for count in (2, 40))
    assert short.log_prob.mean() < long.log_prob.mean() - 0.3
    assert long.log_prob.mean() < exact(w).mean() + 0.2
    assert float(long.variance.mean()) < float(short.variance.mean())


def test_a_point_is_annealed_from_the_standard_normal() -> None:
    """An autoencoder has no posterior to start from, and p(x) all the same."""
    linear = {"kind": "dense", "widths": []}
    config = ModelConfig.parse(
        {
            "latent": 2,
            "encoder": linear,
            "decoder": linear,
            "posterior": "deterministic",
            "likelihood": {"kind": "gaussian", "variance": 0.5},
        }
    )
    vae = build_vae(config, SampleSpec((3,), "real"), Identity(), torch.zeros(3), 1)
    vae = vae.double().eval()
    x = torch.randn(20, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    head = vae.decoder.head
    covariance = head.weight @ head.weight.T + 0.5 * torch.eye(3, dtype=torch.float64)
    truth = MultivariateNormal(head.bias, covariance).log_prob(x).detach()
    found = annealed_over(vae, 30, x)
    error = float((found.log_prob - truth).mean())
    assert abs(error) < 4 * float(found.variance.sum().sqrt()) / len(x)
    record = evaluate(vae, lambda: batches(x), Settings(samples=1, ais=30))
    of_ais = record["likelihood"]["ais"]
    assert record["nll"] is None
    assert (of_ais["start"], of_ais["n"], of_ais["importance_nll"]) == ("standard normal", 20, None)
    assert of_ais["nll"] == pytest.approx(-float(truth.mean()), abs=4 * of_ais["monte_carlo_error"])


def test_the_record_compares_both_on_the_same_samples() -> None:
    vae, w = ppca(10, 0.1)
    record = evaluate(vae, lambda: batches(DIGITS[:300]), Settings(samples=64, ais=30))
    found = record["likelihood"]["ais"]
    assert found["n"] == 100
    assert found["distributions"] == 30
    wanted = MultivariateNormal(
        torch.zeros(64, dtype=torch.float64), w @ w.T + 0.1 * torch.eye(64, dtype=torch.float64)
    ).log_prob(DIGITS[:100])
    assert found["nll"] == pytest.approx(-float(wanted.mean()), abs=0.2)
    assert 0 < found["monte_carlo_error"] < 0.05
    assert found["importance_nll"] == pytest.approx(-float(wanted.mean()), abs=0.3)
    assert found["nll_standard_error"] == pytest.approx(float(wanted.std()) / 10, rel=0.1)


def test_chains_keep_a_distribution_as_it_is() -> None:
    """Moves at the goal's temperature leave draws of p(z|x), known of the linear model, in place:
    mean and variance of 4,000 chains after 10 moves."""
    vae, _ = ppca(2, 0.1)
    x = DIGITS[:1].expand(1, 64)
    path = annealed._path(vae, Batch(x, None, torch.arange(1)))
    random = torch.Generator().manual_seed(1)
    true = path.scale / math.sqrt(annealed.WIDENING)
    noise = torch.randn(4000, 1, 2, generator=random, dtype=torch.float64)
    z = path.mean + true * noise
    step = torch.full((1,), 0.4, dtype=torch.float64)
    for _ in range(10):
        z, _ = annealed._moved(path, z, 1.0, step, random)
    scaled = ((z - path.mean) / true)[:, 0]
    assert float(scaled.mean(0).abs().max()) < 4 / math.sqrt(4000)
    torch.testing.assert_close(
        scaled.T.cov(), torch.eye(2, dtype=torch.float64), rtol=0, atol=4 * math.sqrt(2 / 4000)
    )
