"""Good reconstructions and bad samples: the aggregate posterior is not the prior.

Shape letters: N samples, K latents.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from vaestro.health.diagnosis.density_ratio import by_logistic, by_neighbours
from vaestro.health.diagnosis.evidence import Evidence
from vaestro.health.diagnosis.examination import Codes
from vaestro.health.diagnosis.two_sample import TwoSample, two_sample_test
from vaestro.health.finding import Finding
from vaestro.metrics.aggregate import surgery

TESTED = 400
"""Codes and prior draws that the permutation test compares."""
APART = 0.85
"""A judge that tells codes from prior draws this often has found another distribution. Healthy
models of the gallery were found below 0.66, MNIST at beta 1 at 0.85, islands from 0.878 on."""
RARELY = 3.0
"""Nats of KL(q(z) || p(z)): a draw of the prior falls among the codes once in twenty times. Healthy
models of the gallery were found below 0.5, MNIST at beta 1 at 2.5, islands from 3.5 on."""
SHAPE = 0.05
"""Neighbours that tell codes by this much more than squares do have found a shape."""
GOOD = 0.5
"""Reconstructions that leave less than this share of tr S are good."""
OFF = 0.5
"""More than this share of samples where reconstructions are not: bad; healthy ones had 0.2."""
TOLD = 0.9
"""A judge that tells samples from reconstructions this often has found what reconstructions are
not, also where samples lie between them: of many elements what is blurred is near to all. Healthy
models of the gallery were found below 0.66, MNIST at an x_var of 0.01 at 0.97."""
AXES = 16
"""Principal axes of samples and reconstructions that the judge sees."""
RARE = 0.95
"""The share of reconstructions that count as having another one near."""
ROUNDING = 1e-6
"""Of a distance between equal rows, as a share of their length."""
ROWS, WIDE, WIDE_ROWS = 1000, 4096, 150
"""Samples whose distances are taken, and how many of those with more than WIDE elements."""


class Mismatch(NamedTuple):
    """How far the codes of the data are from the prior.

    `accuracy` of the better of two classifiers on codes that it has not seen (0.5: equal),
    `accuracy_of_squares` that of the one which sees means, spreads and correlations only;
    `density_ratio`: the mean of log q(z)/p(z) over codes, an estimate of KL(q(z) || p(z)) in nats.
    """

    test: TwoSample
    accuracy: float
    accuracy_of_squares: float
    density_ratio: float

    @property
    def islands(self) -> bool:
        """Whether it is their shape, more than mean and spread, that tells the codes."""
        return self.accuracy > self.accuracy_of_squares + SHAPE


def prior_mismatch(evidence: Evidence) -> Finding | None:
    """Samples from the prior are worse than reconstructions because codes lie elsewhere."""
    seen = evidence.seen
    if not seen.stochastic or not seen.train.finite or seen.live == 0:
        return None
    if unexplained(evidence) > GOOD:
        return None
    found = measure(evidence)
    if found.test.p_value > 0.05 or found.accuracy < APART:
        return None
    if found.density_ratio < RARELY:
        return None
    off, told = off_the_copies(evidence), told_from_copies(evidence)
    return _finding(evidence, found, off, told) if off > OFF or told > TOLD else None


def _finding(evidence: Evidence, found: Mismatch, off: float, told: float) -> Finding:
    seen, beta, left = evidence.seen, evidence.effective_beta, unexplained(evidence)
    variance = evidence.patient.observation.variance
    mean, spread = seen.train.mean.double(), seen.train.log_variance.double()
    where = "; they have another shape than the prior, such as islands" if found.islands else ""
    weigh = f"raise beta, or the likelihood's variance, tenfold (effective beta {10 * beta:.3g})"
    fit = "draw z from a density fitted to the codes, a mixture, instead of the prior"
    return Finding(
        "prior_mismatch",
        f"Reconstructions are good (they leave {left:.0%} of the variance), {off:.0%} of samples "
        f"lie where no reconstruction does, a classifier tells samples from reconstructions in "
        f"{told:.0%} of cases and the codes of the data from draws of the prior in "
        f"{found.accuracy:.0%}; the density ratio is {found.density_ratio:.1f} nats{where}. The "
        f"prior is "
        f"too weak at an effective beta of {beta:.3g}"
        + ("." if variance is None else f", an effective variance of {beta * variance:.3g}."),
        {
            "samples_off_the_reconstructions": off,
            "samples_told_from_reconstructions": told,
            "distance_of_samples": _distance(evidence, seen.sampled),
            "distance_of_reconstructions": _distance(evidence, seen.train.from_draw),
            "classifier_accuracy": found.accuracy,
            "accuracy_from_mean_and_spread": found.accuracy_of_squares,
            "density_ratio": found.density_ratio,
            "prior_mismatch": from_posteriors(evidence),
            "energy_distance": found.test.distance,
            "p_value": found.test.p_value,
            "aggregate_std": float((mean.var(0) + spread.exp().mean(0)).mean().sqrt()),
            "prior_term": seen.prior_term,
            "unexplained_variance": left,
            "effective_beta": beta,
            "effective_variance": None if variance is None else beta * variance,
        },
        (fit, weigh) if found.islands else (weigh, fit),
    )


def off_the_copies(evidence: Evidence) -> float:
    """The share of samples that lie further from every reconstruction than 95 % of the
    reconstructions lie from their nearest other: 0.05 where both are one distribution."""
    made = (evidence.seen.train.from_draw, evidence.seen.sampled)
    copies, samples = (one.flatten(1)[_some(one)].double() for one in made)
    own = torch.cdist(copies, copies).fill_diagonal_(torch.inf).amin(1)
    reach = own.quantile(RARE).clamp(min=ROUNDING * float(copies.norm(dim=1).max()))
    return float((torch.cdist(samples, copies).amin(1) > reach).double().mean())


def told_from_copies(evidence: Evidence) -> float:
    """How often the better of two judges tells samples from reconstructions that it has not seen,
    along their leading principal axes: 0.5 where both are one distribution."""
    made = (evidence.seen.train.from_draw, evidence.seen.sampled)
    copies, samples = (one.flatten(1)[_some(one)].double() for one in made)
    count = min(len(copies), len(samples))
    rows = torch.cat([copies[:count], samples[:count]])
    rows = rows - rows.mean(0)
    seen = rows @ _leading_axes(rows)
    seen = seen / seen.std(0).clamp(min=ROUNDING * float(rows.norm(dim=1).max()))
    return max(judge(seen[:count], seen[count:]).accuracy for judge in (by_logistic, by_neighbours))


def _leading_axes(rows: Tensor) -> Tensor:
    """(D, AXES): the principal axes of rows (N, D) that have most variance, by the smaller of the
    two matrices of products, which is quicker than a decomposition of the rows."""
    if rows.shape[1] <= len(rows):
        _, vectors = torch.linalg.eigh(rows.T @ rows)
        return torch.as_tensor(vectors[:, -AXES:])
    _, vectors = torch.linalg.eigh(rows @ rows.T)
    axes: Tensor = rows.T @ vectors[:, -AXES:]
    least = ROUNDING * float(rows.norm()) or 1.0
    return torch.div(axes, axes.norm(dim=0).clamp(min=least))


def _some(x: Tensor) -> slice:
    """So many samples that distances are cheap."""
    return slice(None, WIDE_ROWS if x[0].numel() > WIDE else ROWS)


def _distance(evidence: Evidence, made: Tensor) -> float:
    """The energy distance of what was made from the data, over the mean distance of two data."""
    some = _some(made)
    a, b = (one.flatten(1)[some].double() for one in (made, evidence.seen.train.x))
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
    seen, codes = evidence.seen, _codes(evidence)
    z, prior = codes.z.double(), seen.prior_draws.double().to(codes.z.device)
    test = two_sample_test(z[:TESTED], prior[:TESTED])
    count = min(len(z), len(prior))
    judges = [judge(z[:count], prior[:count]) for judge in (by_logistic, by_neighbours)]
    return Mismatch(
        test,
        max(one.accuracy for one in judges),
        judges[0].accuracy,
        max(one.density_ratio for one in judges),
    )


def from_posteriors(evidence: Evidence) -> float:
    """KL(q(z) || p(z)) in nats from the posteriors themselves, an upper estimate."""
    codes = _codes(evidence)
    log_prior = -0.5 * (codes.z.double().square() + math.log(2 * math.pi)).sum(1)
    if evidence.patient.log_prior is not None:
        log_prior = evidence.patient.log_prior(codes.z, codes.given)
    return surgery(codes.mean, codes.log_variance, codes.z, log_prior).prior_mismatch


def _codes(evidence: Evidence) -> Codes:
    """Those of held-out samples where there are any, else of training samples."""
    seen = evidence.seen
    return seen.train if seen.held is None else seen.held
