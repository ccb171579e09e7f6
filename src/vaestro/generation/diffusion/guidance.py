"""Classifier-free guidance: the condition's part of a prediction, weighted.

Shape letters: B batch, * the latent's axes.
"""

import torch
from torch import Tensor

from vaestro.foundation.samples import Given
from vaestro.generation.diffusion.model import LatentDiffusion
from vaestro.generation.diffusion.samplers import Denoise


def guided(module: LatentDiffusion, given: Given, scale: float) -> Denoise:
    """u + scale (c - u), c being the prediction that is told `given` and u the one that is told
    nothing (Ho and Salimans 2022, eq. 6, whose w is scale - 1).

    With scale 1 it is c and with 0 it is u, in one evaluation; else both are, as one batch.
    """

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        times = t.to(x.device, x.dtype).expand(len(x))
        if module.condition is None or scale in (0, 1):
            dropped = torch.full((len(x),), scale == 0, device=x.device)
            prediction: Tensor = module(x, times, given, dropped)
            return prediction
        twice = torch.cat([x, x])
        dropped = torch.arange(len(twice), device=x.device) >= len(x)
        both = module(twice, times.repeat(2), given.repeated(2), dropped)
        told, untold = both.chunk(2)
        weighed: Tensor = untold + scale * (told - untold)
        return weighed

    return denoise
