"""What one batch, looked at from several sides, tells about a model.

Nothing is left changed: no gradient stays, running statistics are put back to the last bit.
Shape letters: B batch, K latents, P outputs per element, D elements, * the sample's axes.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from vaestro.foundation.samples import Batch
from vaestro.models.posterior_head import PosteriorHead
from vaestro.models.vae import VAE
from vaestro.probability.posterior import GaussianConfig, Posterior
from vaestro.probability.reduction import Weights
from vaestro.probability.scale import LinearVariance, LogStd, LogVariance, Softplus

SAME = 1e-6
"""Outputs that differ by less than this share of the data's standard deviation are the same."""

OFF = 0.25
"""An element is off when its output misses the mean by more than this share of its variance."""


class Probe(NamedTuple):
    """`pull`: norm of the prior term's weighted gradient over the data term's, at the encoder; None
    where there is none. `dead`: share of the data's variance in elements whose output is the same
    for every z and is not their mean. `silent`: ReLU layers whose every unit is 0. `batch_norm`:
    nats that the data term loses by running statistics; None without batch normalisation. `below`,
    `above`: shares of the posterior's log-variances beyond their bounds."""

    pull: float | None
    dead: float
    silent: tuple[str, ...]
    batch_norm: float | None
    below: float
    above: float


def probe(vae: VAE, batch: Batch, noise: Tensor, weights: Weights) -> Probe:
    """Look at `vae`, which is in eval mode, on `batch`; `noise` is (B, K) standard normal and
    `weights` those of the two terms at this step, beta included."""
    with torch.no_grad():
        with listening(vae.decoder) as silent:
            result = vae(batch.x, noise, batch.given)
            other = vae.decode(result.z.roll(1, 0), batch.given)
        here, there = (vae.likelihood.mean(out).flatten(1) for out in (result.outputs, other))
        dead = dead_share(batch.x.flatten(1), here, there)
        below, above = beyond_bounds(vae, result.posterior)
        loss = -float(result.log_likelihood.mean())
        normal = with_batch_statistics(vae, batch, noise)
    pull = pull_of_prior(vae, batch, noise, weights)
    gap = None if normal is None else loss - normal
    return Probe(pull, dead, tuple(silent), gap, below, above)


def pull_of_prior(vae: VAE, batch: Batch, noise: Tensor, weights: Weights) -> float | None:
    """|w_p beta grad R| / |w_d grad D| over the encoder's and the head's parameters."""
    parts = (*vae.encoder.parameters(), *vae.head.parameters())
    parameters = [p for p in parts if p.requires_grad]
    if not vae.head.stochastic or not parameters or weights.prior == 0:
        return None
    with torch.enable_grad():
        result = vae(batch.x, noise, batch.given)
        terms = (result.kl.sum(1).mean(), -result.log_likelihood.mean())
        norms = [
            weight * _norm(torch.autograd.grad(term, parameters, None, True, allow_unused=True))
            for weight, term in zip((weights.prior, weights.data), terms, strict=True)
        ]
    return norms[0] / norms[1] if norms[1] > 0 else None


def _norm(gradients: tuple[Tensor | None, ...]) -> float:
    squares = [g.double().square().sum() for g in gradients if g is not None]
    return float(torch.stack(squares).sum().sqrt()) if squares else 0.0


def dead_share(x: Tensor, here: Tensor, there: Tensor) -> float:
    """The share of the variance of x: (B, D) in dead elements; `here`, `there`: (B, D) the outputs'
    means for each sample's z and for another sample's."""
    x, here, there = x.double(), here.double(), there.double()
    variance = x.var(0, correction=0)
    total = variance.sum()
    if total == 0:
        return 0.0
    scale = float(variance.max().sqrt())
    same = (here - there).abs().amax(0) <= SAME * scale
    off = (here.mean(0) - x.mean(0)).square() > OFF * variance
    return float(variance[same & off].sum() / total)


@contextmanager
def listening(network: nn.Module) -> Iterator[list[str]]:
    """The names of the ReLU layers of `network` that gave nothing but zeros, while it was run."""
    silent: list[str] = []

    def watch(name: str, layer: nn.Module) -> torch.utils.hooks.RemovableHandle:
        def look(_layer: nn.Module, _inputs: object, output: Tensor) -> None:
            if not bool(output.any()) and name not in silent:
                silent.append(name)

        return layer.register_forward_hook(look)

    named = [(n, m) for n, m in network.named_modules() if isinstance(m, nn.ReLU)]
    handles = [watch(name, layer) for name, layer in named]
    try:
        yield silent
    finally:
        for handle in handles:
            handle.remove()


def with_batch_statistics(vae: VAE, batch: Batch, noise: Tensor) -> float | None:
    """The data term with every batch normalisation as in training; None if there is none."""
    layers = [m for m in vae.modules() if isinstance(m, _BatchNorm) and m.running_mean is not None]
    if not layers:
        return None
    kept = [(buffer, buffer.clone()) for layer in layers for buffer in layer.buffers()]
    for layer in layers:
        layer.train()
    try:
        return -float(vae(batch.x, noise, batch.given).log_likelihood.mean())
    finally:
        for layer in layers:
            layer.eval()
        for buffer, value in kept:
            buffer.copy_(value)


def beyond_bounds(vae: VAE, posterior: Posterior) -> tuple[float, float]:
    """Shares of the log-variances (B, K) beyond the lower and the upper bound of the scale."""
    head = vae.head
    if posterior.log_variance is None or not isinstance(head, PosteriorHead):
        return 0.0, 0.0
    assert isinstance(head.config, GaussianConfig)
    low, high = bounds(head.config.scale)
    below, above = posterior.log_variance < low, posterior.log_variance > high
    return float(below.float().mean()), float(above.float().mean())


def bounds(scale: object) -> tuple[float, float]:
    """Where the log-variance begins to be compressed, or lies within a tenth of its floor; nowhere
    for a scale that no recipe knows, such as one that a study put there to fail."""
    match scale:
        case LogVariance(low=low, high=high):
            return low, high
        case LogStd(low=low, high=high):
            return 2 * low, 2 * high
        case Softplus(minimum=least):
            return 2 * math.log(1.1 * least), float("inf")
        case LinearVariance(epsilon=least):  # its raw number is compressed below -1e4
            return math.log(1.1 * (least + 1e-4)), float("inf")
        case _:
            return float("-inf"), float("inf")
