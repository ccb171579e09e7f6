"""Good reconstructions and bad samples: the aggregate posterior is not the prior.

Shape letters: N samples, K latents, F features of a code.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from vaestro.health.diagnosis.evidence import Evidence
from vaestro.health.diagnosis.two_sample import TwoSample, two_sample_test
from vaestro.health.finding import Finding
from vaestro.metrics.aggregate import surgery

TESTED = 400
"""Codes and prior draws that the permutation test compares."""
APART = 0.9
"""A judge that tells codes from prior draws this often has found another distribution."""
GOOD = 0.5
"""Reconstructions that leave less than this share of tr S are good."""
BAD = 0.1
"""Samples at more than this energy distance from the data, as a share of the mean distance of two
data, are bad; healthy models at beta 1 were found below 0.08, with codes of any kind."""
TIMES = 4.0
"""And so many times further than reconstructions are."""


ROWS, WIDE, WIDE_ROWS = 1000, 4096, 150
"""Samples whose distances are taken, and how many of those with more than WIDE elements."""


class Mismatch(NamedTuple):
    """How far the codes of the data are from the prior.

    `accuracy` of a classifier on halves that it has not seen (0.5: equal); `density_ratio`: its
    mean log q(z)/p(z) on unseen codes, a lower estimate of KL(q(z) || p(z)) in nats; `surgery` that
    KL from the posteriors themselves, an upper one.
    """

    test: TwoSample
    accuracy: float
    density_ratio: float
    surgery: float


def prior_mismatch(evidence: Evidence) -> Finding | None:
    """Samples from the prior are worse than reconstructions because codes lie elsewhere."""
    seen = evidence.seen
    if not seen.stochastic or not seen.train.finite or seen.live == 0:
        return None
    left = unexplained(evidence)
    found = measure(evidence)
    if left > GOOD or found.test.p_value > 0.05 or found.accuracy < APART:
        return None
    copies, samples = (_distance(evidence, one) for one in (seen.train.from_draw, seen.sampled))
    if samples < BAD or samples < TIMES * copies:
        return None
    beta = evidence.effective_beta
    variance = evidence.patient.observation.variance
    mean, spread = seen.train.mean.double(), seen.train.log_variance.double()
    return Finding(
        "prior_mismatch",
        f"Reconstructions are good (they leave {left:.0%} of the variance) and samples are not: "
        f"a classifier tells the codes of the data from draws of the prior in {found.accuracy:.0%} "
        f"of cases, and the density ratio is {found.density_ratio:.1f} nats. The prior is too weak "
        f"at an effective beta of {beta:.3g}"
        + ("." if variance is None else f", an effective variance of {beta * variance:.3g}."),
        {
            "distance_of_samples": samples,
            "distance_of_reconstructions": copies,
            "classifier_accuracy": found.accuracy,
            "density_ratio": found.density_ratio,
            "prior_mismatch": found.surgery,
            "energy_distance": found.test.distance,
            "p_value": found.test.p_value,
            "aggregate_std": float((mean.var(0) + spread.exp().mean(0)).mean().sqrt()),
            "prior_term": seen.prior_term,
            "unexplained_variance": left,
            "effective_beta": beta,
            "effective_variance": None if variance is None else beta * variance,
        },
        (
            f"raise beta, or the likelihood's variance, tenfold (effective beta {10 * beta:.3g})",
            "or draw z from a density fitted to the codes instead of the prior",
        ),
    )


def _distance(evidence: Evidence, made: Tensor) -> float:
    """The energy distance of what was made from the data, over the mean distance of two data."""
    true = evidence.seen.train.x.flatten(1)
    some = slice(None, WIDE_ROWS if true.shape[1] > WIDE else ROWS)
    a, b = made.flatten(1)[some].double(), true[some].double()
    within = float(torch.cdist(b, b).mean())
    apart = 2 * float(torch.cdist(a, b).mean()) - float(torch.cdist(a, a).mean()) - within
    return apart / max(within, 1e-30)


def unexplained(evidence: Evidence) -> float:
    """The share of tr S that reconstructions through the mean leave."""
    seen = evidence.seen
    error = (seen.train.x - seen.train.from_mean).double().flatten(1).square().sum(1).mean()
    return float(error) / max(seen.variance, 1e-30)


def measure(evidence: Evidence) -> Mismatch:
    """Codes of held-out samples where there are any, else of training samples, against draws."""
    seen = evidence.seen
    codes = seen.train if seen.held is None else seen.held
    z, prior = codes.z.double(), seen.prior_draws.double().to(codes.z.device)
    test = two_sample_test(z[:TESTED], prior[:TESTED])
    count = min(len(z), len(prior))
    accuracy, ratio = classify(z[:count], prior[:count])
    log_prior = -0.5 * (z.square() + math.log(2 * math.pi)).sum(1)
    if evidence.patient.log_prior is not None:
        log_prior = evidence.patient.log_prior(codes.z, codes.given)
    parts = surgery(codes.mean, codes.log_variance, codes.z, log_prior)
    return Mismatch(test, accuracy, ratio, parts.prior_mismatch)


def classify(z: Tensor, prior: Tensor) -> tuple[float, float]:
    """Logistic regression on z and z^2 and products, ridge-penalised; halves cross-fitted.

    Returns the accuracy and the mean log-odds on codes, both on the half not learned from: with
    equally many of each the log-odds are log q(z)/p(z) (Sugiyama et al. 2012).
    """
    features = _features(torch.cat([z, prior]))
    target = torch.cat([torch.ones(len(z)), torch.zeros(len(prior))]).to(features)
    even = torch.arange(len(features)) % 2 == 0
    right, odds = [], []
    for learn, judge in ((even, ~even), (~even, even)):
        weights = _logistic(features[learn], target[learn])
        said = features[judge] @ weights
        right.append(((said > 0) == (target[judge] > 0.5)).double())
        odds.append(said[target[judge] > 0.5])
    return float(torch.cat(right).mean()), float(torch.cat(odds).mean())


def _features(rows: Tensor) -> Tensor:
    """1, z, z^2, |z|^2 and, up to 16 latents, products, each clipped at 6 deviations: (., F)."""
    scale = rows.std(0).clamp(min=1e-9)
    unit = (rows / scale).clamp(-6, 6)
    columns = [torch.ones_like(unit[:, :1]), unit, unit.square()]
    columns.append(rows.square().sum(1, keepdim=True).sqrt() / rows.square().sum(1).mean().sqrt())
    if rows.shape[1] <= 16:
        pairs = torch.combinations(torch.arange(rows.shape[1]), 2)
        columns.append(unit[:, pairs[:, 0]] * unit[:, pairs[:, 1]])
    return torch.cat(columns, 1)


def _logistic(features: Tensor, target: Tensor, penalty: float = 1.0, steps: int = 12) -> Tensor:
    """Newton's method on the penalised likelihood."""
    weights = features.new_zeros(features.shape[1])
    eye = penalty * torch.eye(features.shape[1], dtype=features.dtype)
    for _ in range(steps):
        p = torch.sigmoid(features @ weights)
        gradient = features.T @ (p - target) + penalty * weights
        curvature = (features * (p * (1 - p) + 1e-6)[:, None]).T @ features + eye
        weights = weights - torch.linalg.solve(curvature, gradient)
    return weights
