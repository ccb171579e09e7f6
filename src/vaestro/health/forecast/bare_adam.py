"""An optimiser for steps that are only timed or tried: Adam's settings and memory, and no more.

Building any `torch.optim.Optimizer` imports torch's compiler, which takes longer than all the steps
that are timed here; `training.optimiser.apply_gradients` needs none of it.
"""

from typing import Any

import torch
from torch import Tensor

from vaestro.health.task_copy import AnyTask
from vaestro.training.config import AdamConfig, AdamWConfig, RMSpropConfig, TrainingConfig
from vaestro.training.initial_state import fresh_state
from vaestro.training.state import Meter, TrainState


class BareAdam(torch.optim.Adam):
    """Adam or AdamW before its first step, with its averages there already, all zero.

    It takes the steps of `apply_gradients` on parameters of one device and type, and has nothing
    that hooks, checkpoints or `step` need.
    """

    def __init__(self, parameters: list[Tensor], config: AdamConfig | AdamWConfig) -> None:
        self.defaults: dict[str, Any] = {}
        self.param_groups = [
            {
                "params": parameters,
                "lr": 0.0,  # both are set anew before each step
                "weight_decay": 0.0,
                "betas": config.betas,
                "eps": config.epsilon,
                "decoupled_weight_decay": isinstance(config, AdamWConfig),
            }
        ]
        self.state = {parameter: _memory(parameter) for parameter in parameters}  # type: ignore[assignment]


def _memory(parameter: Tensor) -> dict[str, Tensor]:
    return {
        "step": torch.zeros((), dtype=torch.float32, device=parameter.device),
        "exp_avg": torch.zeros_like(parameter),
        "exp_avg_sq": torch.zeros_like(parameter),
    }


def trial_state(task: AnyTask, config: TrainingConfig, device: torch.device) -> TrainState:
    """The state before the first step of a run that is only tried, as `fresh_state`; the steps from
    it are the run's, bit by bit."""
    vae = task.module
    parameters: list[Tensor] = [p for p in vae.parameters() if p.requires_grad]
    alike = len({(p.device, p.dtype) for p in parameters}) == 1
    if isinstance(config.optimiser, RMSpropConfig) or not alike:
        return fresh_state(task, config, device)
    return TrainState(
        module=vae,
        optimiser=BareAdam(parameters, config.optimiser),
        control=task.initial_control(device),
        meter=Meter.empty(vae.latent, device, vae.predictor is not None),
    )
