"""The state of a run before its first step, for the run itself and for whoever tries its steps."""

import torch

from vaestro.training.config import TrainingConfig
from vaestro.training.elbo import ElboTask
from vaestro.training.importance import ImportanceTask
from vaestro.training.optimiser import build_optimiser
from vaestro.training.state import Meter, TrainState


def fresh_state(
    task: ElboTask | ImportanceTask, config: TrainingConfig, device: torch.device
) -> TrainState:
    """The task's own module, an optimiser without memory, and nothing counted yet."""
    vae = task.module
    return TrainState(
        module=vae,
        optimiser=build_optimiser(config, vae),
        control=task.initial_control(device),
        meter=Meter.empty(vae.latent, device, vae.predictor is not None),
    )
