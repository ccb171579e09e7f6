"""What shows the progress of a log's study to a person."""

from typing import Protocol

from vaestro.experiments.population.shown import PopulationDisplay
from vaestro.experiments.watch import Display
from vaestro.sweeps.sweep import SweepDisplay


class LogDisplay(Protocol):
    """Told how a log's study goes on."""

    def opened(self, name: str, titles: list[str], shares: list[float], done: int) -> None:
        """The steps of these titles are to be taken, the first `done` of which were before."""

    def begun(self, number: int) -> None:
        """The step `number` is being taken."""

    def done(self, number: int, held: list[bool]) -> None:
        """The step `number` has been taken; which of its claims hold."""

    def run(self, name: str) -> Display:
        """The display of a run."""

    def population(self, name: str) -> PopulationDisplay:
        """The display of a population."""

    def study(self, name: str) -> SweepDisplay:
        """The display of a grid."""

    def say(self, text: str) -> None:
        """A sentence for the person."""
