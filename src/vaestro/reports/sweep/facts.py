"""What a sweep has found, as plain values: everything that its page shows.

Only the pictures are read from elsewhere: from the run folders of trials on the front.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from vaestro.reports.facts import finite

Direction = Literal["minimize", "maximize"]
State = Literal["waiting", "finished", "pruned", "failed"]
Fate = Literal["waiting", "finished", "stopped", "untrained", "failed"]
"""What became of a trial: `stopped` was pruned while it trained, `untrained` before its first step
because it was forecast to collapse."""


@dataclass(frozen=True)
class Axis:
    """A recipe field that was varied: a range from `low` to `high`, or one of `values`.

    `log`: drawn evenly on a logarithmic scale. `conditional`: only some settings have it.
    """

    field: str
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    values: tuple[str, ...] = ()
    conditional: bool = False


@dataclass(frozen=True)
class Figure:
    """A figure that the sweep looks at, and which way is better."""

    name: str
    direction: Direction

    @property
    def sign(self) -> int:
        """What makes less better when a value is multiplied by it."""
        return 1 if self.direction == "minimize" else -1


@dataclass(frozen=True)
class Trial:
    """A setting and what came of it. `allowed`: it has every figure, breaks
    no limit, and its code did not end empty.

    `values`: figures by name, None where one is not known. `seconds`: from its first step to its
    end. `run`: its run folder.
    """

    number: int
    params: Mapping[str, Any]
    edits: tuple[str, ...]
    values: Mapping[str, float | None]
    state: State
    reason: str = ""
    verdict: str = ""
    seconds: float | None = None
    trained: bool = True
    allowed: bool = True
    run: Path | None = None

    @property
    def fate(self) -> Fate:
        """What became of it."""
        if self.state == "pruned":
            return "stopped" if self.trained else "untrained"
        return self.state

    def value(self, name: str) -> float | None:
        """A figure, None where it is not finite."""
        return finite(self.values.get(name))


@dataclass(frozen=True)
class Importance:
    """How much of a figure's variance over the trials each field explains by itself, from 0 to 1.

    Empty where that cannot be told, and `note` says why.
    """

    figure: str
    shares: Mapping[str, float] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class SweepFacts:
    """A sweep. `trials` stand in the order of their numbers; `best` and `front` are such numbers,
    the front ordered by the first figure.

    `wanted`: how many trials it shall have. `seconds`: how long at least one trial was training.
    `base`: the recipe that is varied, `recipe`: that of the best trial, both as YAML.
    `train`, `go_on`: commands that train the best longer and that continue the sweep, "" when
    unknown.
    """

    folder: Path
    name: str
    about: str
    status: str
    base: str
    search: str
    axes: tuple[Axis, ...]
    figures: tuple[Figure, ...]
    order: Literal["pareto", "lexicographic"]
    limits: tuple[str, ...]
    trials: tuple[Trial, ...]
    wanted: int
    best: int | None
    front: tuple[int, ...]
    importance: tuple[Importance, ...] = ()
    seconds: float | None = None
    recipe: str = ""
    train: str = ""
    go_on: str = ""

    def of(self, fate: Fate) -> list[Trial]:
        """The trials that had this fate, in order."""
        return [trial for trial in self.trials if trial.fate == fate]

    @property
    def ended(self) -> int:
        """How many trials have a result."""
        return len(self.trials) - len(self.of("waiting"))

    @property
    def best_trial(self) -> Trial | None:
        """The best trial."""
        return next((trial for trial in self.trials if trial.number == self.best), None)

    @property
    def front_trials(self) -> list[Trial]:
        """The trials on the front, ordered by the first figure."""
        known = {trial.number: trial for trial in self.trials}
        return [known[number] for number in self.front]
