"""The guard: a non-finite loss or gradient never reaches the weights.

The check costs one norm over the gradients. Only when it fails is the step run again, to name the
term, the layer and the batch.
"""

import torch
from torch import Tensor, nn

from vaestro.foundation.errors import DivergedError
from vaestro.foundation.randomness import seed_layers
from vaestro.foundation.samples import Batch
from vaestro.probability.beta import BetaState
from vaestro.probability.objective import Terms
from vaestro.training.accumulation import Parts


def gradient_norm(gradients: list[Tensor]) -> Tensor:
    """The Euclidean norm of all gradients together, a scalar.

    By dot products: a third of the time of a norm each on the CPU, as finite as the sum of squares.
    """
    flat = [gradient.flatten() for gradient in gradients]
    norm: Tensor = torch.stack([g.dot(g) for g in flat]).sum().sqrt()
    return norm


def buffers_of(module: nn.Module) -> list[Tensor]:
    """The floating buffers that a training pass may change (running statistics)."""
    return [b for b in module.buffers() if b.is_floating_point() or b.dtype == torch.int64]


def explain(
    parts: Parts, batch: Batch, control: BetaState, step: int, seed: int, terms: Terms
) -> DivergedError:
    """The error that names the first bad tensor of this step, found by running it once more."""
    module = parts.task.module
    found = _bad_input(module, batch) or _first_bad_layer(parts, batch, control, step, seed)
    where = parts.company.first_found(found) or "a sum of gradients that overflows"
    term = next(
        (name for name in ("data_term", "prior_term") if not _finite(getattr(terms, name))),
        "loss" if not _finite(terms.loss) else "gradient",
    )
    shown = ", ".join(map(str, batch.indices[:5].tolist()))
    return DivergedError(
        f"step {step + 1}: the {term} is not finite; first bad tensor: {where}; training samples "
        f"{shown}, ... of the batch; the step was refused and the weights of step {step} stand: "
        "lower training.learning_rate, or give training.clip_norm"
    )


def _finite(tensor: Tensor) -> bool:
    return bool(torch.isfinite(tensor).all())


def _bad_input(module: nn.Module, batch: Batch) -> str | None:
    if not _finite(batch.x):
        bad = (~torch.isfinite(batch.x.flatten(1))).any(1).nonzero().flatten()
        return f"the data themselves (sample {int(batch.indices[bad[0]])})"
    for name, parameter in module.named_parameters():
        if not _finite(parameter):
            return f"the parameter {name}"
    return None


def _first_bad_layer(
    parts: Parts, batch: Batch, control: BetaState, step: int, seed: int
) -> str | None:
    """The first layer whose output is bad going forward, else whose gradient is bad going back;
    None where neither is in the rows of this process."""
    bad: list[str] = []

    def watch(name: str, module: nn.Module) -> torch.utils.hooks.RemovableHandle:
        def look(_module: nn.Module, _inputs: object, output: object) -> None:
            if isinstance(output, Tensor) and not _finite(output):
                bad.append(name)

        return module.register_forward_hook(look)

    module = parts.task.module
    leaves = [(n, m) for n, m in module.named_modules() if not list(m.children())]
    handles = [watch(name, module) for name, module in leaves]
    seed_layers(seed, step, batch.x.device)
    where: str | None = None
    try:
        for _, terms in parts.each(batch, control, step):
            where = _fault_of(module, bad, terms.loss)
            if where is not None:
                break
    finally:
        for handle in handles:
            handle.remove()
    return where


def _fault_of(module: nn.Module, bad: list[str], loss: Tensor) -> str | None:
    """What is wrong in one part of the batch, whose `bad` layers are known; None for nothing."""
    if bad:
        return f"the output of layer {bad[0]}"
    if not _finite(loss):
        return "the likelihood or the KL (every layer's output is finite)"
    return _first_bad_gradient(module, loss)


def _first_bad_gradient(module: nn.Module, loss: Tensor) -> str | None:
    named = [(n, p) for n, p in module.named_parameters() if p.requires_grad]
    gradients = torch.autograd.grad(loss, [p for _, p in named], allow_unused=True)
    for (name, _), gradient in zip(reversed(named), reversed(gradients), strict=True):
        if gradient is not None and not _finite(gradient):
            return f"the gradient of {name}"
    return None
