"""Walks through the latent space.

Shape letters: D dimensions walked, V values each, K latents, N pairs, * the sample's axes.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from vaestro.foundation.samples import NOTHING, Given
from vaestro.generation.sampling import conditions, decode_all
from vaestro.models.vae import VAE


class Traversal(NamedTuple):
    """What one latent dimension at a time does. samples: (D, V, *); values: (V,)."""

    dimensions: list[int]
    values: Tensor
    samples: Tensor


def traverse(
    vae: VAE,
    dimensions: list[int],
    values: Tensor | None = None,
) -> Traversal:
    """Decode the prior's centre with each of `dimensions` set to each of `values` in turn, -3 to 3
    in seven steps unless given. A conditional model is told the first condition of its training
    data."""
    told = conditions(vae, 1, 0)
    steps = torch.linspace(-3, 3, 7) if values is None else values
    z = torch.zeros(len(dimensions), len(steps), vae.latent)
    for row, dimension in enumerate(dimensions):
        z[row, :, dimension] = steps
    flat = z.flatten(0, 1)
    samples = decode_all(vae, flat, told.repeated(len(flat)))
    samples = samples.unflatten(0, (len(dimensions), len(steps)))
    return Traversal(dimensions, steps, samples)


def interpolate(
    vae: VAE, start: Tensor, end: Tensor, steps: int = 8, given: Given = NOTHING
) -> Tensor:
    """Decode the lines from `start` to `end`, both (N, K), ends included: (N, steps, *).

    A conditional model is told `given`, the conditions (N,) of the starts, all along each line.
    """
    weights = torch.linspace(0, 1, steps)[None, :, None]
    z = start.cpu()[:, None] * (1 - weights) + end.cpu()[:, None] * weights
    told = given.each(steps)
    decoded: Tensor = decode_all(vae, z.flatten(0, 1), told).unflatten(0, (len(start), steps))
    return decoded


def between(plus: Tensor, minus: Tensor) -> Tensor:
    """From the mean of the codes `minus` (N, K) to that of `plus` (M, K): (K,)."""
    way: Tensor = (plus.double().mean(0) - minus.double().mean(0)).to(plus.dtype)
    return way


def moved(vae: VAE, start: Tensor, way: Tensor, steps: int = 8, given: Given = NOTHING) -> Tensor:
    """Decode `start` (N, K) and what lies between it and `start` + `way` (K,): (N, steps, *).

    A conditional model is told the conditions (N,) of the starts, so what changes is what its
    codes say beside them.
    """
    return interpolate(vae, start, start.cpu() + way.cpu(), steps, given)


def by_kl(kl_per_dimension: Tensor, most: int) -> list[int]:
    """The `most` latent dimensions with the largest mean KL, largest first."""
    return [int(i) for i in kl_per_dimension.argsort(descending=True)[:most]]
