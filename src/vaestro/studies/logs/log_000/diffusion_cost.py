"""What a step of one denoiser costs on latents and on the voxels that they stand for."""

import time
from math import prod
from typing import NamedTuple

import torch

from vaestro.data.samples import Samples
from vaestro.experiments.run import Run
from vaestro.foundation.samples import SampleSpec
from vaestro.generation.diffusion.latents import as_samples, latent_shape
from vaestro.generation.diffusion.model import DiffusionConfig, LatentDiffusion
from vaestro.generation.diffusion.task import DiffusionTask
from vaestro.generation.priors.latents import Latents
from vaestro.networks.body import Shape
from vaestro.networks.grid_unet import GridUnetConfig
from vaestro.training.plan import in_force

BATCH, STEPS = 8, 3
DENOISER = GridUnetConfig(width=16, channels=(32,), blocks=1)


class Cost(NamedTuple):
    """Numbers of a sample, and the processor's seconds of a step of BATCH samples."""

    latents: int
    voxels: int
    latent_seconds: float
    voxel_seconds: float

    @property
    def ratio(self) -> float:
        """How many times as long a step takes on the voxels."""
        return self.voxel_seconds / self.latent_seconds


def cost(run: Run) -> Cost:
    """The cost for a run's latents and for its samples, on as many threads as the run took: threads
    that wait for each other would count as work."""
    latent, voxels = latent_shape(run.vae.head), tuple(run.spec.shape)
    with in_force(run.plan):
        seconds = [_step(run, shape) for shape in (latent, voxels)]
    return Cost(prod(latent), prod(voxels), *seconds)


def _step(run: Run, shape: Shape) -> float:
    """The least of some steps, forward and back."""
    module = LatentDiffusion(
        DiffusionConfig(denoiser=DENOISER), shape, SampleSpec(shape, "real"), 0
    )
    task = DiffusionTask(module.to(run.plan.device, run.plan.dtype), run.plan, 0)
    values = torch.randn(BATCH, prod(shape), generator=torch.Generator().manual_seed(0))
    samples: Samples = as_samples(Latents(values, None), shape, run.plan)
    batch = next(iter(samples.in_order(BATCH)))
    control, taken = task.initial_control(torch.device(run.plan.device)), []
    for step in range(STEPS + 1):
        began = time.process_time()
        task.terms(batch, control, step).loss.backward()
        taken.append(time.process_time() - began)
    return min(taken[1:])
