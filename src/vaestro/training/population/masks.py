"""The dropout masks of a population: each member's from its own seed and step.

Shape letters: K members, B batch, C channels, * spatial axes.
"""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from vaestro.foundation.randomness import Stream, derive_seed
from vaestro.networks.dropout import Dropout
from vaestro.training.dropout_masks import Dropped
from vaestro.training.population.member import Member


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
        for column, (name, _, like) in zip(columns, dropped, strict=True):
            own = cast(Dropout, member.task.module.get_submodule(name))
            column.append(Dropped(name, own, like).drawn(len(like), random))
    return {f"module.{d.name}.mask": torch.stack(c) for d, c in zip(dropped, columns, strict=True)}
