"""Members that train one by one, and yet are compared together: each in turn goes on to the next
validation and waits there for the others.

A judge that hears of them one after the other lets the first of a rung go on whatever it is worth.
"""

from collections.abc import Iterable
from typing import Any

from vaestro.foundation.errors import DivergedError
from vaestro.training.population.member import Member, epoch_of
from vaestro.training.population.step import Refused
from vaestro.training.step import Stepper


class Line:
    """Members behind each other, each with tensors of its own."""

    def __init__(self, members: Iterable[Member]) -> None:
        self.members = list(members)

    def __len__(self) -> int:
        return len(self.members)

    def add(self, members: Iterable[Member]) -> None:
        """Let members join at the end."""
        self.members += members

    def remove(self, leaving: Iterable[Member]) -> None:
        """Let members leave."""
        gone = {id(member) for member in leaving}
        self.members = [member for member in self.members if id(member) not in gone]


class TurnStepper:
    """Takes the steps of a line's members. Holds what does not change from step to step."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self._steppers = {member.number: _stepper(member) for member in line.members}

    def take(self) -> tuple[list[Member], list[Refused]]:
        """Advance the member whose turn it is by one step; who took one, and who was refused and
        has left."""
        member = self._next()
        state = member.state
        try:
            self._steppers[member.number].take(state, member.loop.batches.batch(state.step))
        except DivergedError as fault:
            self.line.remove([member])
            return [], [Refused(member, fault)]
        return [member], []

    def validated(self) -> dict[int, dict[str, Any]]:
        """None: each member's own loop validates it."""
        return {}

    def awaits(self, epoch: int) -> bool:
        """Whether a member is yet to come to the end of this epoch."""
        return any(epoch_of(member) < epoch for member in self.line.members)

    def _next(self) -> Member:
        """The first of those who have passed the fewest validations."""
        return min(self.line.members, key=_passed)


def _passed(member: Member) -> int:
    """How many validations lie behind the member, that before its first step aside."""
    return epoch_of(member) // member.loop.config.validate_epochs


def _stepper(member: Member) -> Stepper:
    loop = member.loop
    return Stepper(member.task, loop.config, loop.horizon, loop.seed)
