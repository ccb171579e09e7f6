"""The dropout masks of a population: each member's from its own seed and step.

Shape letters: K members, B batch, C channels, * spatial axes.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from vaestro.foundation.randomness import Stream, derive_seed
from vaestro.foundation.samples import Batch
from vaestro.networks.dropout import Dropout
from vaestro.training.population.member import Member


class Dropped(NamedTuple):
    """One dropout layer: its name in the model, and the input it was given, (B, C, *)."""

    name: str
    like: Tensor


def dropped_in(member: Member, batch: Batch) -> tuple[Dropped, ...]:
    """The dropout layers of the member's model in the order of their calls, from a pass of `batch`
    that leaves everything as it was."""
    module, state = member.state.module, member.state
    found: list[Dropped] = []

    def noting(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        return lambda _, inputs: found.append(Dropped(name, torch.empty_like(inputs[0].detach())))

    handles = [
        part.register_forward_pre_hook(noting(name))
        for name, part in module.named_modules()
        if isinstance(part, Dropout) and part.p
    ]
    if not handles:
        return ()
    kept = [buffer.clone() for buffer in module.buffers()]
    with torch.no_grad(), torch.random.fork_rng():
        member.task.terms(batch, state.control, state.step)
    for handle in handles:
        handle.remove()
    for buffer, value in zip(module.buffers(), kept, strict=True):
        buffer.copy_(value)
    return tuple(found)


def masks(members: Sequence[Member], dropped: Sequence[Dropped]) -> dict[str, Tensor]:
    """The masks (K, B, C, *) of each layer by the name of its buffer: those that the members draw
    when they train alone."""
    if not dropped:
        return {}
    columns: list[list[Tensor]] = [[] for _ in dropped]
    for member in members:
        seed = derive_seed(member.loop.seed, Stream.LAYERS, member.state.step)
        random = torch.Generator(device=member.state.meter.sums[0].device)
        random.manual_seed(seed)
        for column, (name, like) in zip(columns, dropped, strict=True):
            layer = cast(Dropout, member.task.module.get_submodule(name))
            column.append(layer.drawn(torch.empty_like(like), random))
    return {f"module.{d.name}.mask": torch.stack(c) for d, c in zip(dropped, columns, strict=True)}
