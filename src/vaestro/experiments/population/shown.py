"""What shows the progress of a population to a person."""

from typing import Any, Protocol

from vaestro.experiments.watch import Onlooker


class MemberDisplay(Onlooker, Protocol):
    """What shows one member, whatever it is."""

    def started(self, assembly: Any, step: int) -> None:
        """The member of these parts is about to take its first step (or the first after a
        resume)."""


class PopulationDisplay(Protocol):
    """Told what happens to a population; each member has a display of its own."""

    def opened(self, members: int, stacks: list[int]) -> None:
        """The population is about to train: so many members, in stacks of so many."""

    def member(self, number: int) -> MemberDisplay:
        """The display of one member."""

    def done(self, number: int, summary: dict[str, Any]) -> None:
        """A member has ended, and all that its end leaves is written."""

    def say(self, text: str) -> None:
        """A sentence for the person."""
