"""The promises that encoders and decoders keep, each as one check of freshly built modules."""

from copy import deepcopy

import torch

from vaestro.networks.drawing import own_randomness
from vaestro.networks.trial import (
    SAMPLES,
    Case,
    ContractError,
    built,
    disturbed,
    equal,
    first,
    outputs_of,
    reason,
    require,
    weighted,
)

ALIKE = 1e-5
"""A sample alone and in a batch: the largest difference, relative to outputs above 1."""


def require_kept(case: Case) -> None:
    """Every promise that encoders and decoders share."""
    for promise in (
        _any_batch,
        _finite,
        _the_same_twice,
        _samples_apart,
        _survives_saving,
        _reached_by_gradients,
        _sixty_four_bits,
    ):
        with own_randomness(0):
            promise(case)


def _any_batch(case: Case) -> None:
    """Batches of 1, 2 and 6 in eval mode, and a training batch, have the promised shapes."""
    module = built(case).eval()
    for count in (1, 2, SAMPLES):
        outputs_of(case, module, first(case.inputs, count), f"a batch of {count} in eval mode")
    outputs_of(case, module.train(), case.inputs, f"a batch of {SAMPLES} in training mode")


def _finite(case: Case) -> None:
    """Zeros and the samples give finite numbers, in eval mode."""
    module = built(case).eval()
    zeros = tuple(torch.zeros_like(part) for part in case.inputs)
    for inputs, kind in ((zeros, "zeros"), (case.inputs, "unit noise or the samples given")):
        for output in outputs_of(case, module, inputs, kind):
            require(output.isfinite().all(), f"{case.name} is not finite on {kind}")


def _the_same_twice(case: Case) -> None:
    """Eval mode is deterministic."""
    module = built(case).eval()
    first = outputs_of(case, module, case.inputs, "a batch in eval mode")
    again = outputs_of(case, module, case.inputs, "the same batch again")
    require(
        equal(first, again),
        f"{case.name} gives the same batch other outputs the second time in eval mode; nothing may "
        "be random there",
    )


def _samples_apart(case: Case) -> None:
    """A sample's outputs in eval mode do not depend on the others in its batch."""
    module = disturbed(case).eval()
    together = outputs_of(case, module, case.inputs, "a batch in eval mode")
    for place in range(SAMPLES):
        one = tuple(part[place : place + 1] for part in case.inputs)
        alone = outputs_of(case, module, one, "a batch of 1 in eval mode")
        for a, b in zip(alone, together, strict=True):
            apart = (a[0] - b[place]).abs().max().item()
            require(
                apart <= ALIKE * max(1.0, b[place].abs().max().item()),
                f"{case.name} mixes samples: in eval mode one alone and the same in a batch differ "
                f"by {apart:.2g}",
            )


def _survives_saving(case: Case) -> None:
    """A fresh module with the state dict of a used one gives bit-identical outputs."""
    module = disturbed(case)
    outputs_of(case, module.train(), case.inputs, "a batch in training mode")  # moves batch norms
    kept = deepcopy(module.state_dict())
    before = outputs_of(case, module.eval(), case.inputs, "a batch in eval mode")
    with own_randomness(1):
        fresh = built(case)
    try:
        fresh.load_state_dict(kept)
    except Exception as fault:
        raise ContractError(
            f"{case.name} built anew cannot load its own state_dict: {reason(fault)}"
        ) from fault
    after = outputs_of(case, fresh.eval(), case.inputs, "a batch after loading")
    require(
        equal(before, after),
        f"{case.name} built anew and filled from its own state_dict gives other outputs; some of "
        "its numbers are neither a registered parameter nor a buffer",
    )


def _reached_by_gradients(case: Case) -> None:
    """Every trainable parameter has a gradient: some of it in eval mode, finite in training."""
    for mode in (False, True):
        module = disturbed(case).train(mode)
        loss = weighted(outputs_of(case, module, case.inputs, "a batch with gradients", True))
        if any(parameter.requires_grad for parameter in module.parameters()):
            require(loss.requires_grad, f"no gradient reaches any parameter of {case.name}")
            loss.backward()
        for name, parameter in module.named_parameters():
            if not parameter.requires_grad:
                continue
            name, gradient = name.removeprefix("guest.module."), parameter.grad
            reached = gradient is not None and (mode or bool(gradient.any()))
            require(reached, f"no gradient reaches the parameter {name} of {case.name}")
            assert gradient is not None
            require(
                gradient.isfinite().all(),
                f"the gradient of {name} of {case.name} is not finite",
            )


def _sixty_four_bits(case: Case) -> None:
    """It works in float64."""
    module = built(case).double().eval()
    inputs = tuple(part.double() for part in case.inputs)
    for output in outputs_of(case, module, inputs, "float64"):
        require(
            output.dtype == torch.float64,
            f"{case.name} gives {output.dtype} for float64; some tensor has a fixed number type",
        )
        require(output.isfinite().all(), f"{case.name} is not finite in float64")


def every_level_takes_part(case: Case, levels: int) -> None:
    """The outputs depend on the latents of every level."""
    module = disturbed(case).eval()
    latents = [part.clone().requires_grad_() for part in case.inputs[:levels]]
    inputs = (*latents, *case.inputs[levels:])
    loss = weighted(outputs_of(case, module, inputs, "a batch with gradients", True))
    require(loss.requires_grad, f"the outputs of {case.name} do not depend on the latents")
    gradients = torch.autograd.grad(loss, latents, allow_unused=True)
    for level, gradient in enumerate(gradients):
        require(
            gradient is not None and bool(gradient.any()),
            f"the outputs of {case.name} do not depend on the latents of level {level}",
        )
