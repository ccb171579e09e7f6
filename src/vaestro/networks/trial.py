"""How a module under test is built and called, and how a broken promise is said.

Shape letters: B batch, * the sample's axes.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vaestro.foundation.errors import VaestroError, one_line
from vaestro.networks.body import Shape

SAMPLES = 6
"""B of the largest batch that a module is tried on."""


class ContractError(VaestroError, AssertionError):
    """An encoder or a decoder breaks a promise that the rest of the program builds on."""


class Case(NamedTuple):
    """How to build the module under test and call it: inputs (6, ...) of each level -> outputs."""

    name: str
    build: Callable[[], nn.Module]
    call: Callable[[nn.Module, tuple[Tensor, ...]], tuple[Tensor, ...]]
    inputs: tuple[Tensor, ...]


def built(case: Case) -> nn.Module:
    """A fresh module. Raises ContractError when it cannot be built."""
    try:
        return case.build()
    except VaestroError as fault:
        raise ContractError(f"{case.name} cannot be built: {fault}") from fault


def disturbed(case: Case) -> nn.Module:
    """A fresh module whose weights have moved a little, as after a step: no gate is still 0."""
    module = built(case)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return module


def outputs_of(
    case: Case,
    module: nn.Module,
    inputs: tuple[Tensor, ...],
    what: str,
    gradients: bool = False,
) -> tuple[Tensor, ...]:
    """What the module gives for `inputs`. Raises ContractError when it fails on `what`."""
    try:
        with torch.set_grad_enabled(gradients):
            return case.call(module, inputs)
    except ContractError as fault:
        raise ContractError(f"{case.name} on {what}: {fault}") from None
    except Exception as fault:  # the user's own code: anything can come out of it
        raise ContractError(f"{case.name} fails on {what}: {reason(fault)}") from fault


def require_levels(features: tuple[Tensor, ...], module: nn.Module) -> None:
    """Raise ContractError unless there is one tensor of the promised shape for each level."""
    shapes = module.out_shapes
    assert isinstance(shapes, tuple)
    require(
        isinstance(features, tuple) and len(features) == len(shapes),
        f"an encoder gives a tuple of features, one tensor for each of {len(shapes)} levels",
    )
    for level, shape in zip(features, shapes, strict=True):
        require_shape(level, shape, "a level of its features")


def require_shape(given: Tensor, shape: Shape, what: str) -> None:
    """Raise ContractError unless `given` is (B, *shape)."""
    came = tuple(given.shape[1:])
    require(came == shape, f"{what} has shape {came} a sample, and {shape} is promised")


def weighted(outputs: tuple[Tensor, ...]) -> Tensor:
    """A loss in which every output counts differently, so that nothing cancels."""
    return torch.stack([(torch.randn_like(output) * output).sum() for output in outputs]).sum()


def equal(one: tuple[Tensor, ...], other: tuple[Tensor, ...]) -> bool:
    """Whether all outputs are bit-identical."""
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def first(inputs: tuple[Tensor, ...], count: int) -> tuple[Tensor, ...]:
    """The first `count` samples of every input."""
    return tuple(part[:count] for part in inputs)


def noise(seed: int, shape: Shape) -> Tensor:
    """(6, *shape) standard normal numbers from `seed`."""
    return torch.randn(SAMPLES, *shape, generator=torch.Generator().manual_seed(seed))


def require(kept: Tensor | bool, complaint: str) -> None:
    """Raise ContractError with `complaint` unless it is `kept`."""
    if not kept:
        raise ContractError(complaint)


def reason(fault: Exception) -> str:
    """What a module of the user's raised, in one line."""
    return one_line(f"{type(fault).__name__}: {fault}")[:200]
