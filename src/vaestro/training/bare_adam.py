"""Adam's settings and memory, and no more.

Building any `torch.optim.Optimizer` imports torch's compiler: one and a half seconds before the
first step of every run, of every worker of a sweep and of every forecast.
`training.optimiser.apply_gradients` needs none of what that is for.
"""

from collections import defaultdict
from typing import Any

import torch
from torch import Tensor

from vaestro.training.config import AdamConfig, AdamWConfig


class BareAdam(torch.optim.Adam):
    """Adam or AdamW before its first step, with its averages there already, all zero.

    It takes the steps of `apply_gradients` on parameters of one device and type, bit by bit those
    of torch's own, and has nothing that hooks or `step` need.
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
        memory = {parameter: _memory(parameter) for parameter in parameters}
        self.state = defaultdict(dict, memory)


def _memory(parameter: Tensor) -> dict[str, Tensor]:
    return {
        "step": torch.zeros((), dtype=torch.float32, device=parameter.device),
        "exp_avg": torch.zeros_like(parameter),
        "exp_avg_sq": torch.zeros_like(parameter),
    }
