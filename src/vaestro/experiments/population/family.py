"""What the members of a population are: all in which one kind of run differs from another.

Stacks, checkpoints, resume and the measured width know nothing else of a member.
"""

from typing import Any, NamedTuple, Protocol

from torch import Tensor

from vaestro.foundation.errors import DivergedError
from vaestro.foundation.schedules import Horizon
from vaestro.runs.folder import RunFolder
from vaestro.training.config import TrainingConfig
from vaestro.training.loop import Loop, Status
from vaestro.training.plan import Plan
from vaestro.training.population.member import Member
from vaestro.training.population.stackable import Stackable
from vaestro.training.population.trial import Choice
from vaestro.training.state import TrainState
from vaestro.training.watching import Judge


class Asked(Protocol):
    """A member's recipe."""

    @property
    def training(self) -> TrainingConfig:
        """How long, how fast, on what."""

    def plain(self) -> dict[str, Any]:
        """As YAML has it."""


class Parts(Protocol):
    """What trains: the parts of one member."""

    @property
    def task(self) -> Stackable:
        """What its engine trains."""

    @property
    def horizon(self) -> Horizon:
        """How long."""

    @property
    def recipe(self) -> Asked:
        """What was asked for."""

    def fresh_state(self) -> TrainState:
        """The state before the first step."""


class End(NamedTuple):
    """How a member's training ended, in how many seconds, and how many samples it saw in them."""

    how: Status | DivergedError
    seconds: float
    trained: int


class Family(Protocol):
    """A kind of run that populations are made of. Recipes and parts that it is given are its own.

    `of_the_data`: as a Member has it; `judge` may end members after a validation.
    """

    @property
    def of_the_data(self) -> tuple[str, ...]:
        """How the names of tensors begin that members on the same data share."""

    @property
    def judge(self) -> Judge | None:
        """Who may end members."""

    def kind_of(self, recipe: Any, /) -> str:
        """A text that is equal for two recipes if their runs can stand in one stack."""

    def not_stacked(self, recipe: Any, /) -> str | None:
        """Why runs of this recipe cannot stand in a stack at all, as a clause."""

    def known_choice(self, recipe: Any, count: int, /) -> Choice | None:
        """The width for `count` members like this one, if it was measured before."""

    def keep_choice(self, recipe: Any, count: int, choice: Choice, /) -> None:
        """Remember a width that was measured."""

    def fresh(self, recipe: Any, plan: Plan, /) -> Parts:
        """The parts of a member that leaves nothing behind."""

    def begun(self, folder: RunFolder, recipe: Any, plan: Plan, shown: Any, /) -> Parts:
        """The parts of a new member; its folder is made, with all that a run begins with."""

    def back(self, folder: RunFolder, plan: Plan, kept: dict[str, Tensor], /) -> Parts:
        """The parts of a member that goes on; `kept`: the tensors of its checkpoint."""

    def stays(self, folder: RunFolder, /) -> bool:
        """Whether a member that was in a stack goes on in one."""

    def loop(self, folder: RunFolder, parts: Any, state: TrainState, shown: Any, /) -> Loop:
        """The engine of a member, its history and events open where `state` left them."""

    def close(self, loop: Loop, parts: Any, /) -> None:
        """Let go of files and threads."""

    def left(
        self, folder: RunFolder, parts: Any, member: Member, end: "End", shown: Any, /
    ) -> dict[str, Any] | None:
        """Write what the end of a run leaves; its summary, or None where it goes on by itself
        later."""

    def alone(self, number: int, folder: RunFolder, recipe: Any, shown: Any, /) -> dict[str, Any]:
        """Train a member like any run, from where it is; its summary."""

    def row(self, summary: dict[str, Any], /) -> dict[str, Any]:
        """What the population's summary says of a member that has ended, or was interrupted."""
