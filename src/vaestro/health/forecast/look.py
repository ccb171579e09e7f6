"""What the data say, whatever the objective: the spectrum of M, the constant, linear models.

Shape letters: N samples, D elements, P outputs per element, K latents, * the sample's axes.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vaestro.health.baselines import Constant, best_constant
from vaestro.health.forecast.linear import completed
from vaestro.health.forecast.proxy import sub_gaussian_proxy
from vaestro.health.forecast.rows import HalvedRows
from vaestro.health.forecast.score import Rows, whitened_scores
from vaestro.health.forecast.spectrum import Spectrum, spectrum
from vaestro.health.forecast.within import Group
from vaestro.probability.likelihoods.bernoulli import Bernoulli
from vaestro.probability.likelihoods.gaussian import Gaussian
from vaestro.probability.likelihoods.likelihood import Likelihood
from vaestro.transforms.moments import Moments, measure


@dataclass(frozen=True)
class Look:
    """deciding: the spectrum of M that decides (of the worst value of a condition, else the whole);
    constant: R0 in nats of model space, per condition where there is one; covariance: all D
    eigenvalues of the model-space data, None unless the likelihood is a density of one; within:
    those about the condition's means; proxy: along the leading direction, in units of M; unseen:
    training sees other views than were looked at; condition: facts for the reader, or None.
    """

    deciding: Spectrum
    constant: float
    elements: int
    covariance: Tensor | None
    within: Tensor | None
    proxy: float
    unseen: bool = False
    condition: dict[str, Any] | None = None


class Part(NamedTuple):
    """Some samples looked at alone: their best constant, whitened scores and moments."""

    samples: HalvedRows
    constant: Constant
    rows: Rows
    moments: Moments

    def scored(self) -> HalvedRows:
        """The whitened scores, made as they are read."""
        width = self.samples.width * self.constant.likelihood.outputs_per_element
        return self.samples.through(self.rows, width)


def look(
    likelihood: Likelihood,
    samples: HalvedRows,
    latent: int,
    groups: tuple[Group, ...] = (),
    unseen: bool = False,
) -> Look:
    """Look at model-space samples (N, *), in a few passes.

    `groups` are the values of what the decoder is told: each has a constant and an M of its own,
    the one with the largest eigenvalue decides, and the pooled one is a lower bound.
    """
    whole = _part(likelihood, samples)
    if groups:
        return _within(likelihood, whole, latent, groups, unseen)
    found = spectrum(whole.scored(), latent)
    covariance = _covariance(whole, found, latent)
    proxy = sub_gaussian_proxy(found.along)
    data_term = whole.constant.data_term
    return Look(found, data_term, samples.width, covariance, covariance, proxy, unseen)


def _part(likelihood: Likelihood, samples: HalvedRows) -> Part:
    moments = measure(samples.all())
    constant = best_constant(likelihood, samples.all(), moments)
    rows = whitened_scores(constant, samples.all(), moments)
    return Part(samples, constant, rows, moments)


def _covariance(part: Part, found: Spectrum | None, latent: int) -> Tensor | None:
    """All D eigenvalues of the data's covariance; a Gaussian of one variance v has them in v M,
    where the spectrum `found` of M is known."""
    likelihood, samples = part.constant.likelihood, part.samples
    if likelihood.discrete or isinstance(likelihood, Bernoulli):
        return None
    variance = one_variance(part)
    if found is not None and variance is not None:
        own = found.times(variance)
    else:
        mean = part.moments.mean

        def centred(x: Tensor) -> Tensor:
            return (x - mean.to(x.device, x.dtype)).flatten(1)

        own = spectrum(samples.undivided().through(centred, samples.width), latent)
    return completed(own.values, own.total, samples.width)


def one_variance(part: Part) -> float | None:
    """The variance of a Gaussian that has one for all elements, at its best value."""
    likelihood = part.constant.likelihood
    if not isinstance(likelihood, Gaussian) or likelihood.outputs_per_element > 1:
        return None
    return float(torch.exp(likelihood.spread.log_quantity(None)))


def _within(
    likelihood: Likelihood,
    whole: Part,
    latent: int,
    groups: tuple[Group, ...],
    unseen: bool,
) -> Look:
    """Within each value of the condition, worst and pooled."""
    parts = [_part(likelihood, whole.samples.at(group.places)) for group in groups]
    alone = [spectrum(_undivided(part), latent) for part in parts]
    largest = [float(one.values[0]) for one in alone]
    worst = max(range(len(parts)), key=largest.__getitem__)
    deciding = spectrum(parts[worst].scored(), latent)
    pooled = spectrum(_pooled(whole, groups, parts), latent)
    facts = {
        "values": [
            {"value": group.name, "samples": len(group.places), "largest": one}
            for group, one in zip(groups, largest, strict=True)
        ],
        "worst": groups[worst].name,
        "worst_largest": largest[worst],
        "pooled_largest": float(pooled.values[0]),
    }
    return Look(
        deciding,
        sum(part.constant.data_term * _share(part, whole) for part in parts),
        whole.samples.width,
        _covariance(whole, None, latent),
        _about_means(likelihood, pooled, whole.samples.width),
        sub_gaussian_proxy(deciding.along),
        unseen,
        facts,
    )


def _share(part: Part, whole: Part) -> float:
    return part.samples.samples / whole.samples.samples


def _undivided(part: Part) -> HalvedRows:
    return part.scored().undivided()


def _about_means(likelihood: Likelihood, pooled: Spectrum, elements: int) -> Tensor | None:
    """The eigenvalues (D,) of a fixed Gaussian's data about the means of their condition."""
    variance = likelihood.fixed_variance
    if variance is None:
        return None
    own = pooled.times(variance)
    return completed(own.values, own.total, elements)


def _pooled(whole: Part, groups: tuple[Group, ...], parts: list[Part]) -> HalvedRows:
    """Every sample's score at the constant of its own group."""
    samples = whole.samples
    width = samples.width * whole.constant.likelihood.outputs_per_element
    owner = torch.zeros(samples.samples, dtype=torch.long)
    for number, group in enumerate(groups):
        owner[group.places] = number

    def read(places: Tensor) -> Tensor:
        x, here = samples.read(places), owner[places]
        rows = x.new_zeros(len(x), width)
        for number, part in enumerate(parts):
            members = here == number
            if bool(members.any()):
                rows[members] = part.rows(x[members])
        return rows

    return HalvedRows(read, samples.samples, width, samples.first)
