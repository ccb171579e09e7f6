"""What shows the progress of a population to a person."""

from typing import Any, Protocol

from vaestro.experiments.watch import Display


class PopulationDisplay(Protocol):
    """Told what happens to a population; each member has a display of its own."""

    def opened(self, members: int, stacks: list[int]) -> None:
        """The population is about to train: so many members, in stacks of so many."""

    def member(self, number: int) -> Display:
        """The display of one member."""

    def done(self, number: int, summary: dict[str, Any]) -> None:
        """A member has ended, and all that its end leaves is written."""

    def say(self, text: str) -> None:
        """A sentence for the person."""
