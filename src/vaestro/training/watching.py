"""Who looks on while a run trains: a watcher, which is told, and a monitor, which may object."""

from collections.abc import Collection, Mapping
from typing import Any, Literal, NamedTuple, Protocol

from vaestro.probability.objective import Terms
from vaestro.training.state import TrainState


class Watcher(Protocol):
    """Told what happens; it may show or keep it, and changes nothing."""

    def stepped(self, step: int) -> None:
        """A step was finished. Called at every step: must cost microseconds."""

    def recorded(self, record: dict[str, Any]) -> None:
        """A record entered the history."""

    def noticed(self, event: dict[str, Any]) -> None:
        """An event entered the events."""

    def validated(self, state: TrainState, epoch: int) -> None:
        """The module holds the weights that were just validated."""


class Notice(NamedTuple):
    """What a monitor has to say: the fields of an event beside its step and epoch, and what is to
    become of the run."""

    fields: dict[str, Any]
    act: Literal["warn", "stop", "remedy"] = "warn"


class Judge(Protocol):
    """Decides which runs go no further, in comparison with others."""

    def leaving(self, epoch: int, validated: Mapping[int, dict[str, Any]]) -> Collection[int]:
        """Of the runs that were just validated after `epoch` epochs, by number, those that end
        here; `validated` are their figures."""

    @property
    def ended(self) -> Collection[int]:
        """The runs that it has ended, by number."""


class Monitor(Protocol):
    """Looks at a run and says what goes wrong with it.

    A pure function of the state, whose `watched` is all it remembers; it changes nothing else.
    """

    def trained(self, state: TrainState, terms: Terms) -> list[Notice]:
        """`terms` are the means of the training steps since the last record."""

    def validated(self, state: TrainState, figures: dict[str, Any]) -> list[Notice]:
        """`figures` are those of the validation; the module is in eval mode and holds the weights
        that were validated."""

    def good(self, state: TrainState) -> bool:
        """Whether a remedied run may go on from this state, so that it is to be kept."""
