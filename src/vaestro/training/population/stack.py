"""The stack: the tensors of K members, one behind the other along a first axis.

Shape letters: K members, * a tensor's own axes.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from vaestro.training.population.member import Member, places, separate


class Stack:
    """The members' tensors by name, (K, *) each; every member's state holds views of its row.

    What belongs to the data is `shared` by all members and stands there once. Parameters that are
    trained are leaves that collect gradients.
    """

    def __init__(self, members: Iterable[Member]) -> None:
        self.members: list[Member] = []
        self.tensors: dict[str, Tensor] = {}
        self.shared: dict[str, Tensor] = {}
        self._stack(list(members))

    def __len__(self) -> int:
        return len(self.members)

    def under(self, prefix: str) -> dict[str, Tensor]:
        """The stacked tensors whose names begin with `prefix/`, without it."""
        start = f"{prefix}/"
        return {n.removeprefix(start): t for n, t in self.tensors.items() if n.startswith(start)}

    def add(self, members: Iterable[Member]) -> None:
        """Let members join at the end."""
        self._stack([*self.members, *members])

    def remove(self, leaving: Iterable[Member]) -> None:
        """Let members leave with tensors of their own; the stack is compacted, gradients too."""
        gone = {id(member) for member in leaving}
        kept = [row for row, member in enumerate(self.members) if id(member) not in gone]
        old, everyone = self.tensors, self.members
        for member in everyone:
            if id(member) in gone:
                separate(member)
        if not kept:
            self.members, self.tensors = [], {}
            return
        rows = torch.tensor(kept)
        self._stack([everyone[row] for row in kept])
        for name, tensor in self.tensors.items():
            gradient = old[name].grad
            if gradient is not None:
                tensor.grad = gradient.index_select(0, rows.to(gradient.device))

    @torch.no_grad()
    def _stack(self, members: list[Member]) -> None:
        columns = [places(member) for member in members]
        module = members[0].state.module
        trained = {f"module/{name}" for name, p in module.named_parameters() if p.requires_grad}
        self.members, self.tensors, self.shared = members, {}, {}
        common = tuple(f"module/{start}" for start in members[0].of_the_data)
        for name, first in columns[0].items():
            if name.startswith(common):
                self.shared[name.removeprefix("module/")] = first.value
                continue
            together = torch.stack([column[name].value for column in columns])
            for row, column in enumerate(columns):
                column[name].put(together[row])
            self.tensors[name] = together.requires_grad_(name in trained)
