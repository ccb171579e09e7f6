"""What a model must beat: the best constant prediction under its own likelihood.

Shape letters: N samples, P outputs per element, D elements, * the sample's axes.
"""

import copy
import math
from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from vaestro.foundation.samples import Batch
from vaestro.health.elementwise import solved
from vaestro.models.vae import VAE
from vaestro.probability.likelihoods.bernoulli import Bernoulli
from vaestro.probability.likelihoods.continuous_bernoulli import CLIP, ContinuousBernoulli
from vaestro.probability.likelihoods.gaussian import Gaussian
from vaestro.probability.likelihoods.laplace import Laplace
from vaestro.probability.likelihoods.likelihood import Likelihood
from vaestro.probability.likelihoods.poisson import SMALLEST_MEAN, Poisson
from vaestro.probability.likelihoods.spread_parts import (
    FittedSpread,
    OptimalSpread,
    SharedSpread,
    Spread,
)
from vaestro.transforms.moments import Batches, Moments, measure

MOST_SAMPLES = 2048
MOST_NUMBERS = 4_000_000
"""The families without a closed form are fitted to so many samples, of so many numbers in all."""

LEAST_PROBABILITY = 1e-12
"""How near to 0 and 1 the best constant probability may come, where an element never changes."""


class Constant(NamedTuple):
    """The best constant: a copy of the likelihood in 64 bits and evaluation mode, its own spread at
    its best value; the outputs (P, *); the mean data term in nats of model space."""

    likelihood: Likelihood
    outputs: Tensor
    data_term: float


def constant_data_term(vae: VAE, x: Tensor) -> float:
    """The data term (nats per sample, natural units) of the best constant decoder output.

    x: (N, *) model-space samples, of which at most MOST_SAMPLES are used. This is R0 of the
    information budget beta * KL <= R0 - R.
    """
    x = x[:MOST_SAMPLES].cpu()

    def batches() -> Iterable[Tensor]:
        yield from x.split(256)

    best = best_constant(vae.likelihood, batches, measure(batches))
    return best.data_term - float(vae.transform.log_det.double())


def dropped_nats(vae: VAE, batches: Iterable[Batch]) -> float:
    """The mean nats that these samples cost beside the model, whatever it has learnt: how much less
    likely than training samples what the transform drops of them is. 0 where it drops nothing.

    A constant's data term on training samples and a model's on held-out ones compare after it.
    """
    if not vae.transform.reduces:
        return 0.0
    total, count = 0.0, 0
    with torch.no_grad():
        for batch in batches:
            total -= float(torch.as_tensor(vae.beside(batch)).double().sum())
            count += len(batch.x)
    return total / max(count, 1)


def best_constant(likelihood: Likelihood, batches: Batches, moments: Moments) -> Constant:
    """The constant outputs (P, *) that maximise the mean log-likelihood of model-space samples.

    In closed form from `moments` for a Gaussian with any variance, Bernoulli, continuous Bernoulli
    and Poisson; else in 64 bits of at most MOST_SAMPLES samples: of a Laplace density in closed
    form, of the others by Newton's method. `batches` gives the samples (B, *) anew at each call. A
    shared or optimal spread is at its best value too.
    """
    held = copy.deepcopy(likelihood).double().cpu().eval().requires_grad_(False)
    mean, variance = moments.mean.cpu(), moments.variance.cpu()
    match held:
        case Gaussian():
            return _gaussian(held, mean, variance)
        case Bernoulli():
            inside = mean.clamp(LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
            entropy = torch.special.entr(inside) + torch.special.entr(1 - inside)
            return Constant(held, torch.logit(inside)[None], float(entropy.sum()))
        case ContinuousBernoulli():
            outputs = _continuous_bernoulli(held, mean, variance)
        case Poisson():
            outputs = torch.log(mean.clamp(min=SMALLEST_MEAN))[None]
        case Laplace():
            return _laplace(held, first_samples(batches))
        case _:
            return fitted_constant(held, first_samples(batches))
    return Constant(held, outputs, mean_data_term(held, outputs, batches))


def mean_data_term(likelihood: Likelihood, outputs: Tensor, batches: Batches) -> float:
    """The mean of -log p(x | outputs) over the samples, one pass."""
    total, count = 0.0, 0
    with torch.no_grad():
        for x in batches():
            same = outputs.expand(len(x), *outputs.shape)
            total -= float(likelihood.log_prob(x.cpu().double(), same).sum())
            count += len(x)
    return total / count


def first_samples(batches: Batches) -> Tensor:
    """At most MOST_SAMPLES samples and MOST_NUMBERS numbers, evenly spread over the batches."""
    sizes = [(len(x), x[0].numel()) for x in batches()]
    count, elements = sum(size for size, _ in sizes), sizes[0][1]
    most = max(2, min(count, MOST_SAMPLES, MOST_NUMBERS // elements))
    places = torch.linspace(0, count - 1, most, dtype=torch.float64).round().long()
    taken, start = [], 0
    for x in batches():
        here = places[(places >= start) & (places < start + len(x))] - start
        taken.append(x.cpu()[here].double())
        start += len(x)
    return torch.cat(taken)


def fitted_constant(likelihood: Likelihood, x: Tensor) -> Constant:
    """The best constant of samples x: (N, *), by Newton's method from the data's mean or median,
    for families whose spread is no optimal one."""
    held = copy.deepcopy(likelihood).double().cpu().eval().requires_grad_(False)
    x = x.double().cpu()
    starts = [held.initial_outputs(x.mean(0)), held.initial_outputs(x.median(0).values)]
    outputs = solved(held, x, starts)
    return Constant(held, outputs, mean_data_term(held, outputs, lambda: iter(x.split(256))))


def _laplace(held: Laplace, x: Tensor) -> Constant:
    """The median, and of a learned scale the mean distance from it, no less than its floor."""
    median = x.quantile(0.5, dim=0)
    outputs = _with_spread(held.spread, median, (x - median).abs().mean(0))
    return Constant(held, outputs, mean_data_term(held, outputs, lambda: iter(x.split(256))))


def _gaussian(held: Gaussian, mean: Tensor, variance: Tensor) -> Constant:
    """The mean, and of a learned variance the data's, no less than its floor."""
    outputs = _with_spread(held.spread, mean, variance)
    best = torch.exp(held.spread.log_quantity(outputs[1] if len(outputs) > 1 else None)).detach()
    nats = variance / best + torch.log(2 * math.pi * best)
    return Constant(held, outputs, 0.5 * float(nats.expand_as(variance).sum()))


def _with_spread(spread: Spread, location: Tensor, quantity: Tensor) -> Tensor:
    """The outputs (P, *) of a location (*) whose spread is best at `quantity` (*); one that all
    elements share is left at its mean."""
    if isinstance(spread, FittedSpread):
        return torch.stack([location, _raw(quantity, spread.log_floor)])
    if isinstance(spread, OptimalSpread):
        spread.average.fill_(float(quantity.mean()))
        spread.count.fill_(1)
    elif isinstance(spread, SharedSpread):
        spread.raw_log.data.copy_(_raw(quantity.mean(), spread.log_floor))
    return location[None]


def _raw(quantity: Tensor, log_floor: float) -> Tensor:
    """The raw number from which a spread with this floor reads `quantity`, or its least one."""
    floor = math.exp(log_floor)
    bounded = torch.log((quantity - floor).clamp(min=1e-6 * floor))
    tail = log_floor - torch.expm1((log_floor - bounded).clamp(min=0))
    return torch.where(bounded < log_floor, tail, bounded)


def _continuous_bernoulli(held: Likelihood, mean: Tensor, variance: Tensor) -> Tensor:
    """eta (1, *) of this mean; -1/mean near 0 and 1/(1 - mean) near 1 are exact to e^-100 there.

    Where an element never changes the density is unbounded, and eta stays at the edge.
    """
    eta = held.initial_outputs(mean)[0]
    varies = variance > 0
    eta = torch.where(varies & (mean < CLIP), -1 / mean.clamp(min=LEAST_PROBABILITY), eta)
    eta = torch.where(varies & (mean > 1 - CLIP), 1 / (1 - mean).clamp(min=LEAST_PROBABILITY), eta)
    return eta[None]
