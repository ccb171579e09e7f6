"""The posteriors of a model as the samples that a denoiser is trained on.

Shape letters: N samples, K latents, C channels, * the latent's axes, whose numbers are K.
"""

import torch
from torch import Tensor

from vaestro.data.samples import Samples
from vaestro.data.store import Resident
from vaestro.generation.priors.latents import Latents
from vaestro.models.posterior_head import Head
from vaestro.networks.body import Shape
from vaestro.training.plan import Plan
from vaestro.transforms.affine import Affine

FLOOR = 1e-6
"""A channel whose standard deviation is below this is constant: it is centred, not blown up."""


def latent_shape(head: Head) -> Shape:
    """The shape in which a denoiser sees z: (C, *grid) on a grid; (K,) where the latents are flat
    or lie on several grids."""
    return head.latents[0] if len(head.latents) == 1 else (head.latent,)


def as_samples(latents: Latents, shape: Shape, plan: Plan) -> Samples:
    """The posteriors as samples (N, 2, *): the mean and, behind it, the standard deviation."""
    spread = torch.zeros_like(latents.mean)
    if latents.log_variance is not None:
        spread = torch.exp(0.5 * latents.log_variance)
    both = torch.stack([latents.mean, spread], dim=1).unflatten(2, shape)
    stored = both.to(plan.device, plan.dtype)
    label, covariates = latents.given.on(stored.device)
    index = torch.arange(len(stored), device=stored.device)
    return Samples(Resident(stored, 1.0, plan.dtype), index, label, covariates)


def standardisation(latents: Latents, shape: Shape) -> Affine:
    """The mean and standard deviation of z ~ q(z) in each channel, over samples and grid.

    Var z = Var mean + mean of the posterior's variance: exact, no z is drawn. In 64 bits.
    """
    mean = latents.mean.double().unflatten(1, shape)
    within = torch.zeros_like(mean)
    if latents.log_variance is not None:
        within = latents.log_variance.double().exp().unflatten(1, shape)
    over = (0, *range(2, mean.dim()))
    centre = mean.mean(over, keepdim=True)
    variance = ((mean - centre).square() + within).mean(over, keepdim=True)
    std = torch.where(variance.sqrt() < FLOOR, 1.0, variance.sqrt())
    return Affine(_spread(centre[0], shape), _spread(std[0], shape))


def _spread(values: Tensor, shape: Shape) -> Tensor:
    """(C, 1, ...) as (C, *)."""
    return values.expand(shape)
