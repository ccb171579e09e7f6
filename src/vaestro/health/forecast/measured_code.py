"""Where a probe's code stands, as a state of the linear model: what each dimension tells of each
direction, and what the decoder makes of it.

Shape letters: n samples, B watched ones, E scores of a sample, K latents, r directions.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from vaestro.foundation.samples import Batch
from vaestro.health.baselines import best_constant
from vaestro.health.forecast.linear_run import Start
from vaestro.health.forecast.score import has_linear_score, linear_scale
from vaestro.models.vae import VAE
from vaestro.probability.likelihoods.gaussian import Gaussian
from vaestro.probability.likelihoods.likelihood import Likelihood
from vaestro.transforms.moments import measure

MOST_SAMPLES = 2000
MOST_NUMBERS = 4_000_000
"""The directions are those of so many samples at most, of so many numbers in all."""

STEP = 0.3
"""How far a latent is moved to see what the decoder makes of it."""

RIDGE = 0.02
"""The ridge of the regression of codes on directions, in variances of a direction."""


class Directions(NamedTuple):
    """The leading directions of M: mean (*) and scale (*) make the whitened score of a sample, and
    output_scale (*) the whitened change of an output; vectors (E, r); deviations (r,)."""

    mean: Tensor
    scale: Tensor
    output_scale: Tensor
    vectors: Tensor
    deviations: Tensor


def directions(likelihood: Likelihood, x: Tensor, wanted: int) -> Directions | None:
    """The directions of model-space samples x (n, *); None where the score is no multiple of
    x - mean, or the samples are too few or too large to tell."""
    x = x[: min(MOST_SAMPLES, MOST_NUMBERS // max(1, x[0].numel()))].double().cpu()
    count = min(wanted, len(x) - 1, x[0].numel())
    if not has_linear_score(likelihood) or len(x) < 2 * wanted:
        return None
    moments = measure(lambda: iter((x,)))
    scale = linear_scale(best_constant(likelihood, lambda: iter((x,)), moments), moments)
    if scale is None or not bool((scale > 0).any()):
        return None
    scores = ((x - moments.mean) * scale).flatten(1)
    inner = scores.T @ scores if scores.shape[1] <= len(x) else scores @ scores.T
    values, vectors = torch.linalg.eigh(inner / len(x))
    values, vectors = values.flip(0)[:count].clamp(min=1e-12), vectors.flip(1)[:, :count]
    if scores.shape[1] > len(x):
        vectors = scores.T @ vectors / (len(x) * values).sqrt()
    inverse = torch.where(scale > 0, 1 / scale.clamp(min=1e-300), 0.0)
    output_scale = scale if isinstance(likelihood, Gaussian) else inverse
    return Directions(moments.mean, scale, output_scale, vectors, values.sqrt())


@torch.no_grad()
def measured_code(vae: VAE, watched: Batch, along: Directions, beta: float, share: float) -> Start:
    """The code of `watched` after `share` of a run, at rest; `beta`: the effective one at the end.
    For a model without a condition.

    A is the regression of the means on the whitened directions, D how far the output moves along
    them with each latent, in units of sqrt(beta).
    """
    training = vae.training
    vae.eval()
    means = vae.encode(watched.x, watched.given).mean
    moved = STEP * torch.eye(vae.latent, dtype=means.dtype, device=means.device)
    changes = (vae.decode(moved) - vae.decode(-moved)) / (2 * STEP)
    vae.train(training)
    scores = ((watched.x.cpu().double() - along.mean) * along.scale).flatten(1)
    y = scores @ along.vectors / along.deviations
    y, means = y - y.mean(0), (means - means.mean(0)).cpu().double()
    ridge = RIDGE * len(y) * torch.eye(y.shape[1], dtype=torch.float64)
    encoder = torch.linalg.solve(y.T @ y + ridge, y.T @ means).T
    whitened = changes.reshape(vae.latent, -1).cpu().double() * along.output_scale.flatten()
    return Start(encoder, (whitened @ along.vectors).T / beta**0.5, share)
