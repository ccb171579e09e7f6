"""Members that train as one stack: how they come into being, join, are recorded and leave."""

import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from vaestro.experiments.population.family import Asked, End, Family, Parts
from vaestro.experiments.population.folder import PopulationFolder
from vaestro.experiments.population.shown import PopulationDisplay
from vaestro.foundation.errors import CheckpointError, DivergedError
from vaestro.runs.folder import RunFolder
from vaestro.runs.lock import locked
from vaestro.training import checkpoints
from vaestro.training.loop import Status
from vaestro.training.plan import Plan
from vaestro.training.population.loop import PopulationLoop
from vaestro.training.population.member import Member
from vaestro.training.population.trial import Choice, affordable, choose
from vaestro.training.state import TrainState


class Open(NamedTuple):
    """A member that is in the stack: its folder and parts, what is held open, and since when."""

    folder: RunFolder
    parts: Parts
    held: ExitStack
    began: float
    first: int


class StackRun:
    """The training of the members of one stack in a population's folder, under `plan`."""

    def __init__(
        self,
        folder: PopulationFolder,
        place: int,
        made: Sequence[Asked],
        plan: Plan,
        display: PopulationDisplay,
        family: Family,
    ) -> None:
        self.folder, self.place, self.made = folder, place, made
        self.plan, self.display, self.family = plan, display, family
        self.numbers: list[int] = folder.read()["stacks"][place]["members"]
        self._open: dict[int, Open] = {}
        self._joined = 0

    def note(self, **facts: Any) -> None:
        """Write facts about this stack into the population's record."""
        record = self.folder.read()
        record["stacks"][self.place] |= facts
        self.folder.write(record)

    def choose(self) -> Choice:
        """Whether to stack, and how many: what was measured for so many members like these, else
        what members show now that are thrown away."""
        first, count = self.made[self.numbers[0]], len(self.numbers)
        known = self.family.known_choice(first, count)
        if known is None:
            known = self._measured()
            self.family.keep_choice(first, count, known)
        return known

    def most(self) -> int:
        """How many members memory holds at once."""
        with self._trial() as build:
            return min(len(self.numbers), affordable(build(1)[0]))

    def _measured(self) -> Choice:
        """Measured on the first member that does not diverge at once, and those after it."""
        for first in range(len(self.numbers)):
            try:
                with self._trial(first) as build:
                    return choose(build, len(self.numbers))
            except DivergedError:
                continue
        return Choice(1, "One by one: every member diverges in its first steps.", most=self.most())

    @contextmanager
    def _trial(self, first: int = 0) -> Iterator[Callable[[int], list[Member]]]:
        """What makes so many members anew, from the one at `first` on; they leave nothing."""
        numbers = self.numbers[first:] + self.numbers[:first]
        with tempfile.TemporaryDirectory() as elsewhere, ExitStack() as held:

            def build(count: int) -> list[Member]:
                held.close()  # those of the trial before, with their memory
                some = numbers[:count]
                return [self._thrown_away(number, Path(elsewhere), held) for number in some]

            yield build

    def _thrown_away(self, number: int, elsewhere: Path, held: ExitStack) -> Member:
        """A fresh member that leaves nothing behind."""
        parts = self.family.fresh(self.made[number], self.plan)
        folder = RunFolder(Path(tempfile.mkdtemp(dir=elsewhere)))
        return self._built(number, folder, parts, parts.fresh_state(), held)

    def train(self, width: int, in_turn: bool = False) -> bool:
        """Train every member to its end, at most `width` at once, `in_turn` or stacked; False when
        interrupted."""
        entry = self.folder.read()["stacks"][self.place]
        self._joined = entry["joined"]
        loop = PopulationLoop(
            width=width,
            waiting=self._waiting(),
            left=self._left,
            saved=self._saved,
            checkpoint_seconds=self.made[self.numbers[0]].training.checkpoint_seconds,
            judge=self.family.judge,
            in_turn=in_turn,
        )
        status = "interrupted"
        try:
            status = loop.run(self._back(entry["active"]), entry.get("compared", ()))
        finally:
            for number in tuple(self._open):
                self._close(number)
        return status == "finished"

    def _back(self, active: dict[str, int]) -> list[Member]:
        """The members that the record has in the stack and that go on in it."""
        there = {int(number): step for number, step in active.items()}
        stay = [number for number in there if self.family.stays(self.folder.member(number))]
        return [self._returning(number, there[number]) for number in stay]

    def _waiting(self) -> Iterator[Member]:
        while self._joined < len(self.numbers):
            number = self.numbers[self._joined]
            self._joined += 1
            yield self._new(number)

    def _new(self, number: int) -> Member:
        """A member before its first step; its folder is made."""
        self.folder.clear(number)
        folder, shown = self.folder.member(number), self.display.member(number)
        parts = self.family.begun(folder, self.made[number], self.plan, shown)
        return self._member(number, folder, parts, parts.fresh_state())

    def _returning(self, number: int, step: int) -> Member:
        """A member as it was at `step`. Raises CheckpointError when its checkpoint is not whole."""
        folder = self.folder.member(number)
        path = folder.checkpoints / f"step-{step:08d}"
        if not path.is_dir():
            raise CheckpointError(
                f"{path} is missing, with which the population goes on; restore it, or start anew"
            )
        tensors, body = checkpoints.read(path)
        parts = self.family.back(folder, self.plan, tensors)
        state = parts.fresh_state()
        state.load(tensors, body["numbers"])
        return self._member(number, folder, parts, state)

    def _member(self, number: int, folder: RunFolder, parts: Parts, state: TrainState) -> Member:
        held = ExitStack()
        held.enter_context(locked(folder.root))
        member = self._built(number, folder, parts, state, held)
        self.display.member(number).started(parts, state.step)
        self._open[number] = Open(folder, parts, held, time.monotonic(), state.step)
        return member

    def _built(
        self, number: int, folder: RunFolder, parts: Parts, state: TrainState, held: ExitStack
    ) -> Member:
        """A member of these parts; what its engine holds open is let go of with `held`."""
        loop = self.family.loop(folder, parts, state, self.display.member(number))
        held.callback(self.family.close, loop, parts)
        return Member(number, loop, parts.task, state, self.family.of_the_data)

    def _saved(self, members: list[Member], compared: Collection[int]) -> None:
        active = {str(member.number): member.state.step for member in members}
        self.note(joined=self._joined, active=active, compared=sorted(compared))

    def _left(self, member: Member, how: Status | DivergedError) -> None:
        """Write what the end of a run leaves, unless it is to go on by itself."""
        folder, parts, _, began, first = self._open[member.number]
        shown = self.display.member(member.number)
        trained = (member.state.step - first) * parts.recipe.training.batch_size
        end = End(how, time.monotonic() - began, trained)
        summary = self.family.left(folder, parts, member, end, shown)
        if summary is not None:
            self.display.done(member.number, summary)
        self._close(member.number)

    def _close(self, number: int) -> None:
        self._open.pop(number).held.close()
