"""Samples from the model's prior or from one that was fitted after training.

Shape letters: N samples, K latents, * the sample's axes.
"""

import torch
from torch import Tensor

from vaestro.foundation.randomness import Stream, generator
from vaestro.foundation.samples import NOTHING, Given
from vaestro.generation.priors.fitted import FittedPrior
from vaestro.models.vae import VAE

BATCH = 256


@torch.inference_mode()
def decode_all(vae: VAE, z: Tensor, given: Given = NOTHING) -> Tensor:
    """The likelihood's means (N, *) in natural units for z: (N, K); on the CPU, in batches."""
    place = next(vae.parameters())
    parts = [
        vae.generate(z[some].to(place.device, place.dtype), given.part(some).on(place.device)).cpu()
        for some in _batches(len(z))
    ]
    return torch.cat(parts)


@torch.inference_mode()
def sample(
    vae: VAE,
    count: int,
    seed: int,
    noise: bool = False,
    stream: Stream = Stream.SAMPLING,
    given: Given | None = None,
    fitted: FittedPrior | None = None,
) -> Tensor:
    """`count` samples (N, *) in natural units from z ~ p(z), the same for the same seed.

    p(z) is the model's own prior, or `fitted` in its place. The mean of p(x|z), or with `noise` a
    draw from it (observation noise included). A conditional model is told `given`, or, without it,
    conditions drawn from those of its training data.
    """
    told = conditions(vae, count, seed, stream) if given is None else given
    random = generator(seed, stream)
    z = (
        vae.prior.sample(count, vae.latent, random, told)
        if fitted is None
        else fitted.draw(count, random, told)
    )
    if not noise:
        return decode_all(vae, z, told)
    place = next(vae.parameters())
    random = generator(seed, stream, 1, device=place.device)
    draws = []
    for some in _batches(count):
        outputs = vae.decode(
            z[some].to(place.device, place.dtype), told.part(some).on(place.device)
        )
        draws.append(vae.transform.invert(vae.likelihood.sample(outputs, random)).cpu())
    return torch.cat(draws)


def conditions(vae: VAE, count: int, seed: int, stream: Stream = Stream.SAMPLING) -> Given:
    """Conditions of `count` samples as the training data have them; nothing if none is told."""
    if vae.memory is None:
        return NOTHING
    return vae.memory.draw(count, generator(seed, stream, 2))


def _batches(count: int) -> list[slice]:
    return [slice(start, start + BATCH) for start in range(0, count, BATCH)]
