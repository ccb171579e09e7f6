"""Weights moved for a moment, and put back to the bit.

How a loss is put together does not depend on the weights. At trained weights its terms hardly
vary, and in a collapsed model they are zero, so the doctor asks at random ones.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn


@contextmanager
def jittered(parameters: Sequence[Tensor], size: float, seed: int, fresh: bool) -> Iterator[None]:
    """Add noise of `size` / sqrt(fan-in) to every parameter; with `fresh`, begin at zero instead of
    at the present values. Restores every bit."""
    kept = [parameter.detach().clone() for parameter in parameters]
    random = torch.Generator().manual_seed(seed)
    try:
        with torch.no_grad():
            for parameter in parameters:
                noise = torch.randn(parameter.shape, generator=random) * (size * _unit(parameter))
                noise = noise.to(parameter.device, parameter.dtype)
                parameter.copy_(noise if fresh else parameter + noise)
        yield
    finally:
        with torch.no_grad():
            for parameter, value in zip(parameters, kept, strict=True):
                parameter.copy_(value)


def _unit(parameter: Tensor) -> float:
    """1 / sqrt(fan-in) of a weight; a tenth for biases, scales and other vectors."""
    if parameter.dim() < 2:
        return 0.1
    return 1 / math.sqrt(max(1, parameter[0].numel()))


@contextmanager
def evaluating(modules: Sequence[nn.Module]) -> Iterator[None]:
    """Every module in eval mode, and then each part in its own again."""
    modes = [(part, part.training) for module in modules for part in module.modules()]
    try:
        for module in modules:
            module.eval()
        yield
    finally:
        for part, mode in modes:
            part.training = mode


@contextmanager
def own_randomness(seed: int) -> Iterator[None]:
    """The global generator seeded, and then as it was: the doctor changes no later draw."""
    state = torch.random.get_rng_state()
    try:
        torch.manual_seed(seed)
        yield
    finally:
        torch.random.set_rng_state(state)
