"""What the members of a population share, with each other and with those of others."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from vaestro.experiments.change import Change
from vaestro.experiments.circumstances import Circumstances
from vaestro.experiments.population.parts import SharedParts
from vaestro.training.watching import Judge


@dataclass(frozen=True)
class Surroundings:
    """`shared`: their data, the looks at them and the widths that were measured; `judge` knows the
    members by their numbers and may end them after a validation; `changes` are made to the model
    of each."""

    shared: SharedParts | None = None
    judge: Judge | None = None
    changes: tuple[Change, ...] = ()

    def filled(self) -> "Surroundings":
        """The same, with parts to share where there were none."""
        return self if self.shared is not None else replace(self, shared=SharedParts())

    @property
    def parts(self) -> SharedParts:
        """The parts to share."""
        assert self.shared is not None, "a population fills them in before its first member"
        return self.shared

    def of(self, number: int) -> Circumstances:
        """With what the member `number` trains alone."""
        judge = None if self.judge is None else _AsOne(self.judge, number)
        return Circumstances(judge=judge, shared=self.shared, changes=self.changes)


ITS_OWN = Surroundings()
"""Nothing that others have too; nobody judges."""


class _AsOne:
    """The judge of a member that trains alone, in whose loop it is number 0."""

    def __init__(self, judge: Judge, number: int) -> None:
        self.judge, self.number = judge, number

    def leaving(self, epoch: int, validated: Mapping[int, dict[str, Any]]) -> Collection[int]:
        """0 where the member leaves."""
        over = self.judge.leaving(epoch, {self.number: validated[0]})
        return [0] if self.number in over else []

    @property
    def ended(self) -> Collection[int]:
        """0 where the member was ended."""
        return [0] if self.number in self.judge.ended else []
