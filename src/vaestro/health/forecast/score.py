"""Whitened scores at the best constant: the rows whose covariance M says which directions live.

M = A^-1/2 Cov(g) A^-1/2, with g the gradient of log p(x | o) by every decoder output o at the best
constant o*, and A its mean negative Hessian, one P x P block for each element. A direction lives
iff its eigenvalue of M is above the effective beta.

Shape letters: B batch, P outputs per element, D elements, E = P D scores, * the sample's axes.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from vaestro.health.baselines import Constant, first_samples
from vaestro.probability.likelihoods.bernoulli import Bernoulli
from vaestro.probability.likelihoods.continuous_bernoulli import ContinuousBernoulli
from vaestro.probability.likelihoods.gaussian import Gaussian
from vaestro.probability.likelihoods.laplace import Laplace
from vaestro.probability.likelihoods.likelihood import Likelihood, location_and_raw
from vaestro.probability.likelihoods.poisson import Poisson
from vaestro.transforms.moments import Batches, Moments

Rows = Callable[[Tensor], Tensor]
"""Samples (B, *) to their whitened scores (B, E), in the samples' number type."""

LEAST_CURVATURE = 1e-10
"""Outputs whose curvature is below this share of the largest of its kind are left out."""

CHUNK = 64
"""So many samples' Hessians are taken at once."""


def whitened_scores(constant: Constant, batches: Batches, moments: Moments) -> Rows:
    """The map from samples to rows of whitened scores, for any likelihood.

    Where the score is a multiple of x - mean (Gaussian with one variance, Bernoulli, continuous
    Bernoulli, Poisson) it is that, exactly; else g and A come from automatic differentiation, A
    over at most baselines.MOST_SAMPLES samples. A spread that all elements share is taken at its
    best value. Elements at which A is zero or undefined, such as a Bernoulli's that are always 0,
    are left out: their scores are 0.
    """
    scale = linear_scale(constant, moments)
    if scale is not None:
        return _linear(moments.mean.cpu(), scale)
    root = inverse_root(curvature(constant, first_samples(batches)))
    return _differentiated(constant, root)


def linear_scale(constant: Constant, moments: Moments) -> Tensor | None:
    """The factor (*) of x - mean in the whitened score, or None where the score is no such thing.

    1/s for a Gaussian of one variance; for families whose output is the natural parameter one over
    the family's own standard deviation at that mean.
    """
    mean, variance = moments.mean.cpu(), moments.variance.cpu()
    match constant.likelihood:
        case Gaussian() as gaussian if gaussian.outputs_per_element == 1:
            log_variance = gaussian.spread.log_quantity(None).detach().double()
            return torch.exp(-0.5 * log_variance).expand_as(mean)
        case Bernoulli():
            own = mean * (1 - mean)
        case Poisson():
            own = mean
        case ContinuousBernoulli():
            own = curvature(constant, mean[None])[0, 0]
        case _:
            return None
    counts = (variance > 0) & (own > 0)
    return torch.where(counts, own, 1.0).rsqrt() * counts


def _linear(mean: Tensor, scale: Tensor) -> Rows:
    def rows(x: Tensor) -> Tensor:
        here = scale.to(x.device, x.dtype)
        return ((x - mean.to(x.device, x.dtype)) * here).flatten(1)

    return rows


def _differentiated(constant: Constant, root: Tensor) -> Rows:
    """Rows by automatic differentiation; `root` is A^-1/2 (D, P, P)."""

    def rows(x: Tensor) -> Tensor:
        wide = scores(constant.likelihood, x.cpu().double(), constant.outputs).flatten(2)
        return torch.einsum("dpq,bqd->bpd", root, wide).flatten(1).to(x.device, x.dtype)

    return rows


def scores(likelihood: Likelihood, x: Tensor, outputs: Tensor) -> Tensor:
    """g (B, P, *) of samples x: (B, *) at constant outputs (P, *)."""
    same = outputs.expand(len(x), *outputs.shape).clone().requires_grad_()
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad(likelihood.log_prob(x, same).sum(), same)
    return gradient


def curvature(constant: Constant, x: Tensor) -> Tensor:
    """A (P, P, *): the mean of minus the second derivatives over samples x: (N, *).

    The Laplace density has none in its location; there A is f(m) 2/b, f the data's density at
    their median m, which the expected score's derivative is (see `density_at`).
    """
    likelihood, outputs = constant.likelihood, constant.outputs
    total = x.new_zeros(len(outputs), *outputs.shape)
    for part in x.split(CHUNK):
        total += _hessian(likelihood, part, outputs)
    blocks = -total / len(x)
    if isinstance(likelihood, Laplace):
        location, raw = location_and_raw(outputs[None])
        scale = torch.exp(likelihood.spread.log_quantity(raw)).detach()
        blocks[0, 0] = (2 * density_at(x, location[0]) / scale).reshape(outputs.shape[1:])
    return blocks


def _hessian(likelihood: Likelihood, x: Tensor, outputs: Tensor) -> Tensor:
    """The sum (P, P, *) over samples of the second derivatives by the outputs of one element."""
    same = outputs.expand(len(x), *outputs.shape).clone().requires_grad_()
    with torch.enable_grad():
        (first,) = torch.autograd.grad(likelihood.log_prob(x, same).sum(), same, create_graph=True)
        second = [
            torch.autograd.grad(first[:, p].sum(), same, retain_graph=True, allow_unused=True)[0]
            if first.requires_grad
            else None
            for p in range(len(outputs))
        ]
    return torch.stack([torch.zeros_like(outputs) if s is None else s.sum(0) for s in second])


def density_at(x: Tensor, place: Tensor) -> Tensor:
    """The density (*) of x: (N, *) at `place` (*): the share of samples nearer than h, over 2h.

    h is the mean distance times N^-1/3: narrow, since many data are peaked at their median. On an
    atom, such as a grey level that most samples have, it is large, as it should be; 0 where nothing
    varies.
    """
    distance = (x - place).abs()
    near = distance.mean(0) * len(x) ** (-1 / 3)
    share = (distance <= near).double().mean(0)
    return torch.where(near > 0, share / (2 * near).clamp(min=1e-300), 0.0)


def inverse_root(blocks: Tensor) -> Tensor:
    """A^-1/2 (D, P, P) of A (P, P, *); directions without curvature give 0."""
    each = blocks.flatten(2).permute(2, 0, 1)
    values, vectors = torch.linalg.eigh(torch.nan_to_num(0.5 * (each + each.mT)))
    counts = values > LEAST_CURVATURE * values.amax(0).clamp(min=0)
    root = torch.where(counts, values.clamp(min=1e-300), 1.0).rsqrt() * counts
    found: Tensor = (vectors * root[:, None, :]) @ vectors.mT
    return found


def has_linear_score(likelihood: Likelihood) -> bool:
    """Whether the whitened score is a multiple of x - mean, so that rows cost next to nothing."""
    if isinstance(likelihood, Gaussian):
        return likelihood.outputs_per_element == 1
    return isinstance(likelihood, Bernoulli | ContinuousBernoulli | Poisson)
