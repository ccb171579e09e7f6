"""The processes that take one run's steps together, as one of them sees it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from vaestro.training.distribution.gradients import add_up
from vaestro.training.distribution.ranks import Ranks
from vaestro.training.distribution.reductions import added, closing
from vaestro.training.distribution.statistics import Looking, Spread, across, looking


class Company:
    """`ranks` that train a module on batches of `size` samples; alone it does nothing at all."""

    def __init__(self, ranks: Ranks, module: nn.Module | None = None, size: int = 1) -> None:
        self.ranks = ranks
        self._wish = self._wished = False
        self._layers: list[Looking] = []
        if module is not None and not self.alone:
            self._layers = looking(module, spread_of(ranks, size))

    @property
    def alone(self) -> bool:
        """Whether one process computes every row."""
        return self.ranks.count == 1

    @contextmanager
    def together(self) -> Iterator[None]:
        """Forward and backward passes inside are those of all processes at once."""
        with across(self._layers):
            yield

    def closed(self, values: list[Tensor]) -> list[Tensor]:
        """Sums over the processes of what only the loss is made of, with gradients."""
        return _as_one(closing, values)

    def added(self, values: list[Tensor]) -> list[Tensor]:
        """Sums over the processes, without gradients."""
        return values if self.alone else _as_one(added, values)

    def add_up(self, gradients: Sequence[Tensor]) -> None:
        """Make each gradient the sum of those of all processes. Wishes to stop go with them."""
        if self.alone:
            return
        first = gradients[0]
        wish = torch.full((1,), float(self._wish), dtype=first.dtype, device=first.device)
        self._wished = bool(add_up(gradients, wish))

    def first_found(self, found: str | None) -> str | None:
        """What the first process that found something found; all of them ask."""
        every = (one for one in self.ranks.gathered(found) if one is not None)
        return next(every, None)

    def stops(self, wish: bool) -> bool:
        """Whether the run stops before its next step: where one process is alone, because it has
        that `wish`; of several all do once a step has been taken with the wish of one."""
        self._wish = wish
        return wish if self.alone else self._wished


def spread_of(ranks: Ranks, size: int) -> Spread:
    """How a batch of `size` is spread over the processes."""
    every = [Ranks(rank, ranks.count).rows(size) for rank in range(ranks.count)]
    return Spread(ranks.rank, tuple((r.stop - r.start) / size for r in every))


def _as_one(change: Callable[[Tensor], Tensor], values: list[Tensor]) -> list[Tensor]:
    """The values after `change`, a sum over the processes, in one exchange."""
    flat = change(torch.cat([value.reshape(-1) for value in values]))
    parts = flat.split([value.numel() for value in values])
    return [part.view(value.shape) for part, value in zip(parts, values, strict=True)]
