"""Samples from the prior. Shape letters: N samples, K latents, * the sample's axes."""

import torch
from torch import Tensor

from vaestro.foundation.randomness import Stream, generator
from vaestro.models.vae import VAE

BATCH = 256


@torch.inference_mode()
def decode_all(vae: VAE, z: Tensor) -> Tensor:
    """The likelihood's means (N, *) in natural units for z: (N, K); on the CPU, in batches."""
    place = next(vae.parameters())
    parts = [vae.generate(part.to(place.device, place.dtype)).cpu() for part in z.split(BATCH)]
    return torch.cat(parts)


@torch.inference_mode()
def sample(
    vae: VAE, count: int, seed: int, noise: bool = False, stream: Stream = Stream.SAMPLING
) -> Tensor:
    """`count` samples (N, *) in natural units from z ~ p(z), the same for the same seed.

    The mean of p(x|z), or with `noise` a draw from it (observation noise included).
    """
    z = vae.prior.sample(count, vae.latent, generator(seed, stream))
    if not noise:
        return decode_all(vae, z)
    place = next(vae.parameters())
    random = generator(seed, stream, 1, device=place.device)
    draws = [
        vae.transform.invert(
            vae.likelihood.sample(vae.decode(part.to(place.device, place.dtype)), random)
        ).cpu()
        for part in z.split(BATCH)
    ]
    return torch.cat(draws)
