"""Planted bugs in the prior term and in the draw: each changes one line of a healthy model.

The rule for the accepted names, here and in the other rooms of the gallery: where the code that is
wrong is handed over, the first finding must name the cause; the effect (collapsed, exploding, ...)
may be the verdict word, but not the first finding.

B batch, K latents.
"""

import torch
from torch import Tensor

from tests.gallery.data import digits
from tests.gallery.dense import DenseVAE
from tests.gallery.entry import Case, Facts, bug
from tests.gallery.loop import trained
from tests.gallery.standard import StdForVariance, TwoVariances


class MissingMinusOne(DenseVAE):
    """Its least value is K/2 instead of 0 (log 002); the gradients are right."""

    def prior_term(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        return 0.5 * (log_variance.exp() + mean**2 - log_variance).sum(dim=1)


class MissingMinus(DenseVAE):
    """The closed form is -1/2 sum(1 + lv - mean^2 - exp(lv)); here without its sign (log 001)."""

    def prior_term(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        return 0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(dim=1)


class WithoutMean(DenseVAE):
    """The squared mean was forgotten: nothing holds the codes near the origin."""

    def prior_term(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        return 0.5 * (log_variance.exp() - 1 - log_variance).sum(dim=1)


class SamplerWithoutHalf(DenseVAE):
    """exp(log-variance) serves as the standard deviation of the draw."""

    def sample(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        return mean + torch.exp(log_variance) * torch.randn_like(mean)


class NarrowNoise(DenseVAE):
    """The noise of the draw has a standard deviation of 0.3 (log 001)."""

    def sample(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        return mean + torch.exp(0.5 * log_variance) * 0.3 * torch.randn_like(mean)


def at(case: Case, mean: float, log_variance: float, latent: int = 4) -> float:
    """The code's own prior term at one point, summed over the latents."""
    point = torch.full((8, latent), mean), torch.full((8, latent), log_variance)
    return float(case["prior_term"](*point).mean())


def drawn_std(case: Case, log_variance: float) -> float:
    """The standard deviation of the code's own draw."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        point = torch.zeros(5000, 4)
        return float(case["sampler"](point, torch.full_like(point, log_variance)).std())


def std_in_the_kl(case: Case, facts: Facts) -> bool:
    # 0.5 (s - 1 - ln s) at s = 1/2, four latents: 0.386 where the KL is 1.273.
    return abs(at(case, 0.0, -1.3863) - 4 * 0.09657) < 0.01 and facts.live > 0


def floor_of_half_a_latent(case: Case, facts: Facts) -> bool:
    return abs(at(case, 0.0, 0.0) - 2.0) < 1e-5 and facts.live > 0 and facts.two_sample < 0.7


def runs_away(case: Case, facts: Facts) -> bool:
    return at(case, 1.0, 0.0) < 0 and not facts.prior < 100


def codes_fly(case: Case, facts: Facts) -> bool:
    return at(case, 5.0, 0.0) == 0 and facts.spread[1] > 10 and facts.two_sample > 0.9


def draws_differ(case: Case, facts: Facts) -> bool:
    # A log-variance of ln(1/4) means a standard deviation of 1/2.
    return abs(drawn_std(case, -1.3863) - 0.5) > 0.1 and facts.live > 0


def made(model: type, epochs: int = 50) -> Case:
    return trained(model(64, 4, variance=0.15), digits(), epochs)


FORMULAS = [
    bug(
        "standard deviation for variance in the KL",
        lambda: made(StdForVariance),
        std_in_the_kl,
        {"scale_mismatch"},
    ),
    # The optimum is untouched: only the printed number is wrong, so the verdict may be healthy;
    # the finding may not be left out.
    bug(
        "KL without its -1",
        lambda: made(MissingMinusOne),
        floor_of_half_a_latent,
        {"scale_mismatch"},
        {"healthy"},
    ),
    # As a formula it is not the KL (scale_mismatch), as a weight it is -1 (wrong_reduction).
    bug(
        "KL without its minus sign",
        lambda: made(MissingMinus, 15),
        runs_away,
        {"scale_mismatch", "wrong_reduction"},
        {"exploding", "prior_mismatch"},
    ),
    # Here KL and draw agree about the scale; that the codes ignore the prior is as right a name.
    bug(
        "KL without the mean",
        lambda: made(WithoutMean),
        codes_fly,
        {"scale_mismatch", "prior_mismatch"},
    ),
    bug(
        "draw without the half",
        lambda: made(SamplerWithoutHalf),
        draws_differ,
        {"scale_mismatch"},
    ),
    bug("noise of 0.3", lambda: made(NarrowNoise), draws_differ, {"scale_mismatch"}),
    bug(
        "variance in the KL, its exponent in the draw",
        lambda: made(TwoVariances),
        draws_differ,
        {"scale_mismatch"},
    ),
]
