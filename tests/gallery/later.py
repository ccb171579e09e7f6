"""Planted bugs and healthy models that came later, made before the doctor was asked about them.

B batch, D elements, C numbers of the condition, K latents.
"""

import math

import torch
from torch import Tensor

from tests.gallery.data import Split, binary_digits, digits
from tests.gallery.dense import DenseVAE
from tests.gallery.entry import Case, Entry, Facts, bug, sound
from tests.gallery.loop import stack, trained


class CoolMean(DenseVAE):
    """A temperature of 1/2 meant for the noise: it stands before the mean."""

    def sample(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        return 0.5 * mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)


class NoNoise(DenseVAE):
    """Training decodes the mean; the draw is written, right, and used by nothing but generation."""

    def loss(self, x: Tensor) -> Tensor:
        mean, log_variance = self.encode(x)
        data = self.data_term(x, self.decode(mean))
        return (data + self.beta * self.prior_term(mean, log_variance)).mean()


class LogVarianceAdded(DenseVAE):
    """The log-variance has the wrong sign in the KL: the narrower a posterior, the cheaper."""

    def prior_term(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        return 0.5 * (log_variance.exp() + mean**2 - 1 + log_variance).sum(dim=1)


class LeakingCondition(DenseVAE):
    """The decoder's condition was computed from the sample itself: nothing is left for z to say."""

    def __init__(self) -> None:
        super().__init__(64, 4, variance=0.1)
        self.decoder = stack(4 + 64, 96, 64)

    def decode(self, z: Tensor, condition: Tensor) -> Tensor:  # type: ignore[override]
        return super().decode(torch.cat([z, condition], dim=1))

    def loss(self, x: Tensor, condition: Tensor) -> Tensor:  # type: ignore[override]
        mean, log_variance = self.encode(x)
        data = self.data_term(x, self.decode(self.sample(mean, log_variance), condition))
        return (data + self.beta * self.prior_term(mean, log_variance)).mean()


class OneDrawKL(DenseVAE):
    """log q(z|x) - log p(z) at the drawn z, in place of the closed form."""

    def loss(self, x: Tensor) -> Tensor:
        mean, log_variance = self.encode(x)
        z = self.sample(mean, log_variance)
        posterior = -0.5 * (log_variance + (z - mean) ** 2 / log_variance.exp() + LOG_TWO_PI)
        prior = -0.5 * (z**2 + LOG_TWO_PI)
        return (self.data_term(x, self.decode(z)) + (posterior - prior).sum(dim=1)).mean()


class ClippedLogVariance(DenseVAE):
    """The log-variance is clipped to -10 to 10 where the encoder gives it."""

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = super().encode(x)
        return mean, log_variance.clamp(-10, 10)


class ThreeDraws(DenseVAE):
    """The data term is a mean over three draws."""

    def loss(self, x: Tensor) -> Tensor:
        mean, log_variance = self.encode(x)
        draws = [self.decode(self.sample(mean, log_variance)) for _ in range(3)]
        data = torch.stack([self.data_term(x, out) for out in draws]).mean(dim=0)
        return (data + self.prior_term(mean, log_variance)).mean()


class FreeBits(DenseVAE):
    """No latent's KL is pressed below 0.1 nats (Kingma et al. 2016)."""

    def loss(self, x: Tensor) -> Tensor:
        mean, log_variance = self.encode(x)
        each = 0.5 * (log_variance.exp() + mean**2 - 1 - log_variance).mean(dim=0)
        data = self.data_term(x, self.decode(self.sample(mean, log_variance))).mean()
        return data + each.clamp(min=0.1).sum()


LOG_TWO_PI = math.log(2 * math.pi)


def leaking(held: Split) -> Split:
    """The samples, turned, as their own labels."""
    turned = torch.linalg.qr(torch.randn(64, 64, generator=torch.Generator().manual_seed(0)))[0]
    return held._replace(labels=held.x @ turned, held_out_labels=held.held_out @ turned)


def shrunk_draw(case: Case, facts: Facts) -> bool:
    with torch.random.fork_rng(devices=[]):
        ones = torch.ones(5000, 4)
        return abs(float(case["sampler"](ones, -4 * ones).mean()) - 0.5) < 0.02 and facts.live > 0


def wide_posteriors(case: Case, facts: Facts) -> bool:
    """Nothing but the prior told the log-variance what to be: every posterior has variance 1."""
    with torch.no_grad():
        log_variance = case["encode"](case["x"])[1]
    return float(log_variance.abs().mean()) < 0.05 and facts.data > facts.constant


def narrow_posteriors(case: Case, facts: Facts) -> bool:
    with torch.no_grad():
        log_variance = case["encode"](case["x"])[1]
    return float(log_variance.mean()) < -8


def told_everything(case: Case, facts: Facts) -> bool:
    return facts.live == 0 and facts.constant - facts.data > 3


SCALE = {"scale_mismatch"}

LATER_BUGS = [
    bug(
        "temperature on the mean",
        lambda: trained(CoolMean(64, 4, variance=0.15), digits(), 50),
        shrunk_draw,
        SCALE,
    ),
    # The draw is not that of the posterior; and no gradient of the data reaches the log-variance.
    bug(
        "mean decoded in training",
        lambda: trained(NoNoise(64, 4, variance=0.15), digits(), 50),
        wide_posteriors,
        SCALE | {"untrained_parameter"},
        {"undertrained", "prior_mismatch", "dead_output"},
    ),
    bug(
        "log-variance added in the KL",
        lambda: trained(LogVarianceAdded(64, 4, variance=0.15), digits(), 50),
        narrow_posteriors,
        SCALE,
        {"prior_mismatch", "exploding", "overfitted"},
    ),
    bug(
        "condition that holds the sample",
        lambda: trained(LeakingCondition(), leaking(digits()), 40, labelled=True),
        told_everything,
        {"collapsed"},
    ),
]

LATER_HEALTHY = [
    Entry(name, build, sound)
    for name, build in [
        ("KL at the draw", lambda: trained(OneDrawKL(64, 4, variance=0.15), digits(), 60)),
        (
            "clipped log-variance",
            lambda: trained(ClippedLogVariance(64, 6, likelihood="bernoulli"), binary_digits(), 60),
        ),
        ("three draws a step", lambda: trained(ThreeDraws(64, 4, variance=0.15), digits(), 60)),
        ("free bits", lambda: trained(FreeBits(64, 6, variance=0.15), digits(), 60)),
    ]
]
