"""What a study has found, as plain values: everything that its page shows.

Only the pictures are read from elsewhere: from the run folder of each cell's median run.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from vaestro.reports.facts import finite
from vaestro.reports.sweep.facts import Figure, State

DEAD = ("collapsed", "dead_output", "exploding")
"""Verdicts on a run that has died; one that failed has too."""
LEVEL = 0.95
"""An interval holds the true mean of seeds, or difference of means, in this share of studies."""


class Mean(NamedTuple):
    """The mean of a figure over `n` seeds, and half the length of its interval: Student's t with n
    - 1 degrees of freedom; None where there is one seed."""

    value: float
    half: float | None
    n: int


@dataclass(frozen=True)
class Axis:
    """A varied field: its path, its name in a label, its values in words, and the same as numbers
    where all of them are numbers, else ()."""

    field: str
    name: str
    values: tuple[str, ...]
    numbers: tuple[float, ...] = ()


@dataclass(frozen=True)
class Run:
    """One seed of a cell: the trial's number, its figures by name, and how it ended. `run` is its
    run folder."""

    trial: int
    seed: int
    values: Mapping[str, float | None]
    state: State
    verdict: str = ""
    reason: str = ""
    run: Path | None = None

    @property
    def word(self) -> str:
        """The verdict, or the state of a run that has none."""
        return self.verdict or self.state

    @property
    def dead(self) -> bool:
        """Whether it came to nothing."""
        return self.state == "failed" or self.verdict in DEAD

    def value(self, name: str) -> float | None:
        """A figure, None where it is not finite."""
        return finite(self.values.get(name))


@dataclass(frozen=True)
class Cell:
    """One setting: its label, the place of its value on each axis, and its runs by seed. `means`
    has the figures that some run has."""

    label: str
    places: tuple[int, ...]
    runs: tuple[Run, ...]
    means: Mapping[str, Mean] = field(default_factory=dict)

    @property
    def dead(self) -> int:
        """How many of its runs died."""
        return sum(run.dead for run in self.runs)

    @property
    def alive(self) -> bool:
        """Whether at most half of its runs died."""
        return 2 * self.dead <= len(self.runs)

    def words(self) -> dict[str, int]:
        """How many runs ended with each verdict."""
        words = [run.word for run in self.runs]
        return {word: words.count(word) for word in dict.fromkeys(words)}


class Comparison(NamedTuple):
    """Two cells in one figure, by their places: the difference of the means, `one` minus `other`,
    half its interval, and how probable so large a difference is between equal cells, alone (`p`)
    and after Holm's correction for all pairs of the figure (`adjusted`).

    The last three are None where no spread or a single seed leaves nothing to test.
    """

    figure: str
    one: int
    other: int
    difference: float
    half: float | None
    p: float | None
    adjusted: float | None

    @property
    def apart(self) -> bool:
        """Whether the two cells differ by more than chance, among so many pairs."""
        return self.adjusted is not None and self.adjusted < 1 - LEVEL


@dataclass(frozen=True)
class StudyFacts:
    """A study. `cells` are those with a run that has ended, in the order of the grid.

    `source`: the name of the recipe that is varied. `wanted`: how many runs it shall have.
    `seconds`: how long at least one of them was training. `study`, `recipe`: the study and that
    recipe as YAML. `go_on`: the command that goes on with it, "" when it is done.
    """

    folder: Path
    name: str
    question: str
    status: str
    source: str
    axes: tuple[Axis, ...]
    figures: tuple[Figure, ...]
    cells: tuple[Cell, ...]
    comparisons: tuple[Comparison, ...]
    wanted: int
    study: str
    recipe: str
    seconds: float | None = None
    go_on: str = ""

    @property
    def ended(self) -> int:
        """How many runs have ended."""
        return sum(len(cell.runs) for cell in self.cells)

    @property
    def dead(self) -> int:
        """How many of them died."""
        return sum(cell.dead for cell in self.cells)

    def best(self, figure: Figure) -> int | None:
        """The place of the cell with the best mean, among those that live."""
        known = [
            (figure.sign * cell.means[figure.name].value, place)
            for place, cell in enumerate(self.cells)
            if cell.alive and figure.name in cell.means
        ]
        return min(known)[1] if known else None

    def level(self, figure: Figure) -> list[int]:
        """The places of the cells with the best mean: several where they are equal."""
        best = self.best(figure)
        if best is None:
            return []
        value = self.cells[best].means[figure.name].value
        return [
            place
            for place, cell in enumerate(self.cells)
            if cell.alive and figure.name in cell.means and cell.means[figure.name].value == value
        ]

    def of(self, name: str) -> list[Comparison]:
        """The comparisons of a figure."""
        return [one for one in self.comparisons if one.figure == name]
