"""The dropout layers of a model in the order of their calls, and masks handed to them.

Shape letters: B batch, C channels, * spatial axes.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vaestro.networks.dropout import Dropout


class Dropped(NamedTuple):
    """One dropout layer, its name in the model, and the input it was given, (B, C, *), without its
    numbers."""

    name: str
    layer: Dropout
    like: Tensor

    def drawn(self, rows: int, generator: torch.Generator | None = None) -> Tensor:
        """The mask (rows, C, *) that the layer draws for an input like that with so many rows."""
        shape, place = (rows, *self.like.shape[1:]), self.layer.mask.device
        room = torch.empty_strided(shape, self.like.stride(), dtype=self.like.dtype, device=place)
        return self.layer.drawn(room, generator)


class Mask(NamedTuple):
    """What a layer multiplies by in one pass, (B, C, *)."""

    layer: Dropout
    values: Tensor


def dropped_in(module: nn.Module, look: Callable[[], object]) -> tuple[Dropped, ...]:
    """The dropout layers of `module` that a pass, taken by `look`, calls. It leaves buffers and
    torch's random state as they were."""
    found: list[Dropped] = []

    def noting(name: str, layer: Dropout) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def note(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            found.append(Dropped(name, layer, inputs[0].detach().to("meta")))

        return note

    handles = [
        part.register_forward_pre_hook(noting(name, part))
        for name, part in module.named_modules()
        if isinstance(part, Dropout) and part.p
    ]
    if not handles:
        return ()
    kept = [buffer.clone() for buffer in module.buffers()]
    with torch.no_grad(), torch.random.fork_rng():
        look()
    for handle in handles:
        handle.remove()
    for buffer, value in zip(module.buffers(), kept, strict=True):
        buffer.copy_(value)
    return tuple(found)


@contextmanager
def masked(masks: Sequence[Mask], rows: slice) -> Iterator[None]:
    """The layers have these rows of their masks, and then draw their own again."""
    own = [mask.layer.mask for mask in masks]
    for layer, values in masks:
        layer.mask = values[rows]
    try:
        yield
    finally:
        for (layer, _), mask in zip(masks, own, strict=True):
            layer.mask = mask
