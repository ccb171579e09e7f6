"""log p(x) by annealed importance sampling (Neal 2001; Wu et al. 2017, for decoders).

Shape letters: B batch, S chains for each sample, K latents, T intermediate distributions.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from vaestro.evaluation.likelihood import parts_of
from vaestro.foundation.samples import Batch
from vaestro.metrics.importance import marginal_log_prob
from vaestro.models.importance import log_likelihoods
from vaestro.models.vae import VAE
from vaestro.probability.normal import log_normal

CHAINS = 8
PILOTS = 2
"""Chains that find the step sizes and are then forgotten."""
LEAPS = 10
ACCEPTED = 0.65
"""The share of moves accepted at which Hamiltonian Monte Carlo is most efficient (Neal 2011)."""
FIRST_STEP = 0.3
SETTLING = 20
"""Moves of the pilots before the first distribution, so that their step size settles."""
WIDENING = 2.0
"""Chains start from the posterior with its variance twice as large: from one that is too narrow,
which trained posteriors often are, weights spread far more than from one that is too wide."""
STEEPNESS = 4.0
"""The temperatures are a logistic function's between -4 and 4, dense at both ends (Wu et al.)."""

Density = Callable[[Tensor], Tensor]


class Annealed(NamedTuple):
    """log p(x) in natural units and the Monte Carlo variance of each, (B,) in 64 bits; the mean
    share of moves that were accepted."""

    log_prob: Tensor
    variance: Tensor
    accepted: float


class _Path(NamedTuple):
    """(1 - b) start + b goal, log densities of z: (S, B, K), and scales (B, K) of its dimensions;
    `mean` (B, K) is where it starts."""

    mean: Tensor
    scale: Tensor
    start: Density
    goal: Density

    def gradient(self, z: Tensor, b: float) -> tuple[Tensor, Tensor]:
        """The log density (S, B) at temperature b and its gradient (S, B, K)."""
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            value = (1 - b) * self.start(z) + b * self.goal(z)
            (slope,) = torch.autograd.grad(value.sum(), z)
        return value.detach(), slope


def annealed_log_prob(
    vae: VAE, batch: Batch, distributions: int, random: torch.Generator
) -> Annealed:
    """log (1/S) sum_s prod_t f_t(z_{t-1}) / f_{t-1}(z_{t-1}) over S = 8 chains, (B,).

    f_t = s(z)^(1-b) p(x, z)^b, from s to p(x, z): s is the posterior with twice its variance, or
    N(0, I) where the posterior is a point. Between two of them z makes one move of Hamiltonian
    Monte Carlo, 10 leapfrog steps in units of the standard deviations of s, which leaves f_t as it
    is. Step sizes come from other chains, so the estimate of p(x) itself is
    unbiased and that of log p(x) a lower bound in expectation. `distributions` = T.
    """
    parts = [_annealed(vae, part, distributions, random) for part in parts_of(batch, CHAINS)]
    log_prob, variance = torch.cat([p[0] for p in parts]), torch.cat([p[1] for p in parts])
    whole = log_prob + vae.transform.log_det.double() + torch.as_tensor(vae.beside(batch))
    accepted = sum(p[2] * len(p[0]) for p in parts) / len(batch.x)
    return Annealed(whole, variance, accepted)


def _annealed(
    vae: VAE, batch: Batch, distributions: int, random: torch.Generator
) -> tuple[Tensor, Tensor, float]:
    path = _path(vae, batch)
    places = torch.linspace(-STEEPNESS, STEEPNESS, distributions + 2, dtype=torch.float64).sigmoid()
    temperatures = ((places - places[0]) / (places[-1] - places[0])).tolist()
    steps = _step_sizes(path, temperatures[1:-1], random)
    z = _started(path, CHAINS, random)
    log_weights = torch.zeros(z.shape[:2], dtype=torch.float64, device=z.device)
    taken = []
    for number, b in enumerate(temperatures[1:]):
        with torch.no_grad():
            gain = (path.goal(z) - path.start(z)).double()
        log_weights += (b - temperatures[number]) * gain
        if number < distributions:
            z, share = _moved(path, z, b, steps[number], random)
            taken.append(float(share.mean()))
    result = marginal_log_prob(log_weights)
    return result.log_prob, result.variance, sum(taken) / max(1, len(taken))


def _path(vae: VAE, batch: Batch) -> _Path:
    x, given = batch.x, batch.given
    with torch.no_grad():
        posterior = vae.encode(x, given)
    if posterior.log_variance is None:
        mean, log_variance = torch.zeros_like(posterior.mean), torch.zeros_like(posterior.mean)
    else:
        mean, log_variance = posterior.mean, posterior.log_variance + math.log(WIDENING)

    def goal(z: Tensor) -> Tensor:
        return log_likelihoods(vae, x, z, given) + vae.prior.log_prob(z, given)

    def start(z: Tensor) -> Tensor:
        return log_normal(z, mean, log_variance).sum(-1)

    return _Path(mean, torch.exp(0.5 * log_variance), start, goal)


def _started(path: _Path, chains: int, random: torch.Generator) -> Tensor:
    """(S, B, K) draws of the first distribution."""
    return path.mean + path.scale * _normal(path.mean.expand(chains, *path.mean.shape), random)


def _step_sizes(path: _Path, temperatures: list[float], random: torch.Generator) -> list[Tensor]:
    """The step size (B,) at each temperature, by pilot chains that follow the path."""
    if not temperatures:
        return []
    z = _started(path, PILOTS, random)
    step = torch.full_like(path.mean[:, 0], FIRST_STEP)
    found = []
    for number, b in enumerate([temperatures[0]] * SETTLING + temperatures):
        z, share = _moved(path, z, b, step, random)
        step = step * torch.exp(share.mean(0) - ACCEPTED)
        if number >= SETTLING:
            found.append(step)
    return found


def _moved(
    path: _Path, z: Tensor, b: float, step: Tensor, random: torch.Generator
) -> tuple[Tensor, Tensor]:
    """z (S, B, K) after one move, and with what probability (S, B) it was accepted."""
    momentum = _normal(z, random)
    stride = step[:, None]
    value, slope = path.gradient(z, b)
    before = value - 0.5 * momentum.square().sum(-1)
    place, speed = z, momentum + 0.5 * stride * path.scale * slope
    for leap in range(LEAPS):
        place = place + stride * path.scale * speed
        value, slope = path.gradient(place, b)
        last = leap == LEAPS - 1
        speed = speed + (0.5 if last else 1.0) * stride * path.scale * slope
    gain = value - 0.5 * speed.square().sum(-1) - before
    chance = torch.exp(gain.clamp(max=0)).nan_to_num(0.0)
    drawn = torch.rand(chance.shape, generator=random, device=z.device, dtype=z.dtype)
    return torch.where((drawn < chance)[..., None], place, z), chance


def _normal(like: Tensor, random: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=random, device=like.device, dtype=like.dtype)
