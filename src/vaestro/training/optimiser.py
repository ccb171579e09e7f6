"""Optimisers: built from the recipe, their settings taken anew from the schedules at each step."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from vaestro.foundation.schedules import Horizon
from vaestro.training.bare_adam import BareAdam
from vaestro.training.config import AdamConfig, AdamWConfig, RMSpropConfig, TrainingConfig
from vaestro.training.fused_adam import fused_adam


def build_optimiser(config: TrainingConfig, module: nn.Module) -> torch.optim.Optimizer:
    """The optimiser over every parameter that asks for a gradient; fused where torch has it."""
    parameters: list[Tensor] = [p for p in module.parameters() if p.requires_grad]
    asked, alike = config.optimiser, _alike(parameters)
    if alike and not isinstance(asked, RMSpropConfig):
        return BareAdam(parameters, asked)
    match asked:
        case AdamConfig(betas=betas, epsilon=epsilon):
            return torch.optim.Adam(parameters, betas=betas, eps=epsilon, fused=True)
        case AdamWConfig(betas=betas, epsilon=epsilon):
            return torch.optim.AdamW(parameters, betas=betas, eps=epsilon, fused=True)
        case RMSpropConfig(smoothing=smoothing, momentum=momentum, epsilon=epsilon):
            return torch.optim.RMSprop(
                parameters, alpha=smoothing, momentum=momentum, eps=epsilon, foreach=True
            )


def set_rates(
    optimiser: torch.optim.Optimizer, config: TrainingConfig, step: int, horizon: Horizon
) -> float:
    """Put the schedules' values at `step` into the optimiser; returns the learning rate."""
    rate = config.learning_rate.at(step, horizon)
    decay = config.weight_decay.at(step, horizon)
    for group in optimiser.param_groups:
        group["lr"], group["weight_decay"] = rate, decay
    return rate


@torch.no_grad()
def apply_gradients(optimiser: torch.optim.Optimizer) -> None:
    """The optimiser's step: bit by bit that of `optimiser.step()`, and of Adam the kernel alone."""
    (group,) = optimiser.param_groups
    trained = [p for p in group["params"] if p.grad is not None]
    if not trained:
        return
    memory = [optimiser.state.get(p, {}) for p in trained]
    if not (isinstance(optimiser, torch.optim.Adam) and _alike(trained) and all(memory)):
        optimiser.step()  # the first step makes the averages
        return
    steps, means, squares = ([m[s] for m in memory] for s in ("step", "exp_avg", "exp_avg_sq"))
    torch._foreach_add_(steps, 1)
    gradients = [p.grad for p in trained if p.grad is not None]
    settings = (group["lr"], group["weight_decay"], *group["betas"], group["eps"])
    decoupled = group["decoupled_weight_decay"]
    fused_adam(trained, gradients, means, squares, steps, settings, decoupled)


def _alike(parameters: list[Tensor]) -> bool:
    """Whether one kernel takes them all: one device, one type."""
    return len({(p.device, p.dtype) for p in parameters}) == 1


def slots(optimiser: torch.optim.Optimizer, module: nn.Module) -> dict[str, Tensor]:
    """The optimiser's memory as tensors named parameter/slot."""
    return {
        f"{name}/{slot}": value
        for name, parameter in module.named_parameters()
        for slot, value in optimiser.state.get(parameter, {}).items()
    }


def restore_slots(
    optimiser: torch.optim.Optimizer, module: nn.Module, values: Iterable[tuple[str, Tensor]]
) -> None:
    """Put back what `slots` gave."""
    parameters = dict(module.named_parameters())
    for path, value in values:
        name, _, slot = path.rpartition("/")
        parameter = parameters[name]
        # Adam's fused kernels keep `step` in float32; moments take the parameter's layout
        place = (
            torch.empty_like(parameter) if value.shape == parameter.shape and value.dim() else None
        )
        kept = place.copy_(value) if place is not None else value.to(parameter.device)
        optimiser.state[parameter][slot] = kept
