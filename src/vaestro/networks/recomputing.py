"""Activation checkpointing: what is inside a stretch of layers is computed again, not held.

A gradient needs what every layer was given. Of n layers, about sqrt(n) stretches keep only what
enters them, and are run once more when the gradient comes back to them: a third more arithmetic for
about half of the memory (Chen et al. 2016, arXiv 1604.06174, section 3). The numbers are the same
bit by bit: dropout draws what it drew, and batch normalisations count a batch once.

Shape letters: B batch, C channels, * spatial axes.
"""

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

Layer = Callable[[Tensor, Tensor | None], Tensor]
"""x (B, C, *) and the condition, if there is one -> (B, C', *')."""


class Recomputing(nn.Module):
    """A part of a network whose layers follow one another, and may be computed again.

    `recomputes` says whether they are; `recompute` sets it for a whole model.
    """

    recomputes = False

    def passed(self, layers: Sequence[Layer], x: Tensor, condition: Tensor | None) -> Tensor:
        """x: (B, C, *) through `layers`, which belong to this module; returns (B, C', *')."""
        if not self.recomputes or not torch.is_grad_enabled():
            return _through(layers, x, condition)
        for stretch in stretches(layers):
            x = checkpoint(
                partial(_through, stretch),
                x,
                condition,
                use_reentrant=False,
                context_fn=self._contexts,
            )
        return x

    def _contexts(self) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), _CountingNothing(self)


def recompute(model: nn.Module) -> bool:
    """Let every part of `model` that can recompute do so; whether there is any with layers."""
    parts = [part for part in model.modules() if isinstance(part, Recomputing)]
    for part in parts:
        part.recomputes = True
    return any(next(part.parameters(), None) is not None for part in parts)


def stretches(layers: Sequence[Layer]) -> list[Sequence[Layer]]:
    """The n layers in stretches of about sqrt(n)."""
    size = max(1, round(math.sqrt(len(layers))))
    return [layers[start : start + size] for start in range(0, len(layers), size)]


def _through(layers: Sequence[Layer], x: Tensor, condition: Tensor | None) -> Tensor:
    for layer in layers:
        x = layer(x, condition)
    return x


class _CountingNothing:
    """A context, entered once for each gradient that is asked for, in which batch normalisations
    write their running statistics into copies: a batch seen for the second time has been counted.
    """

    def __init__(self, module: nn.Module) -> None:
        self._own = [
            (part, name, buffer)
            for part in module.modules()
            if isinstance(part, _BatchNorm)
            for name, buffer in part.named_buffers(recurse=False)
        ]

    def __enter__(self) -> None:
        for part, name, buffer in self._own:
            setattr(part, name, buffer.clone())

    def __exit__(self, *_: object) -> None:
        for part, name, buffer in self._own:
            setattr(part, name, buffer)
