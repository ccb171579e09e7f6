"""Members that train as one stack: how they come into being, join, are recorded and leave."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from vaestro.experiments import remedied
from vaestro.experiments.assemble import Assembly
from vaestro.experiments.attempt import close, diverged, ended, engine
from vaestro.experiments.beginning import write_beginning
from vaestro.experiments.change import BEGINNING, GOING_ON, changed, require_same_changes
from vaestro.experiments.forecast import forecast_assembly, look_at
from vaestro.experiments.guests import located
from vaestro.experiments.population.folder import PopulationFolder
from vaestro.experiments.population.shown import PopulationDisplay
from vaestro.experiments.population.surroundings import Surroundings
from vaestro.experiments.recipe import Recipe, read_recipe
from vaestro.experiments.train import write_end
from vaestro.foundation.errors import CheckpointError, DivergedError
from vaestro.runs.folder import RunFolder
from vaestro.runs.lock import locked
from vaestro.training import checkpoints
from vaestro.training.loop import Status
from vaestro.training.plan import Plan
from vaestro.training.population.loop import PopulationLoop
from vaestro.training.population.member import Member
from vaestro.training.population.trial import Choice, choose
from vaestro.training.state import TrainState, starting


class Open(NamedTuple):
    """A member that is in the stack: its folder and parts, what is held open, and since when."""

    folder: RunFolder
    assembly: Assembly
    held: ExitStack
    began: float
    first: int


class StackRun:
    """The training of the members of one stack in a population's folder, under `plan`."""

    def __init__(
        self,
        folder: PopulationFolder,
        place: int,
        made: list[Recipe],
        plan: Plan,
        display: PopulationDisplay,
        around: Surroundings,
    ) -> None:
        self.folder, self.place, self.made = folder, place, made
        self.plan, self.display = plan, display
        self.shared, self.judge, self.changes = around.parts, around.judge, around.changes
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
        known = self.shared.choice(first, count)
        if known is None:
            known = self._measured()
            self.shared.keep_choice(first, count, known)
        return known

    def _measured(self) -> Choice:
        with tempfile.TemporaryDirectory() as elsewhere, ExitStack() as held:

            def build(count: int) -> list[Member]:
                held.close()  # those of the trial before, with their memory
                some = self.numbers[:count]
                return [self._thrown_away(number, Path(elsewhere), held) for number in some]

            return choose(build, len(self.numbers))

    def _thrown_away(self, number: int, elsewhere: Path, held: ExitStack) -> Member:
        """A fresh member that leaves nothing behind."""
        assembly = self._assembly(self.made[number])
        state = assembly.fresh_state()
        folder = RunFolder(Path(tempfile.mkdtemp(dir=elsewhere)))
        loop = engine(folder, assembly, state, self.display.member(number))
        held.callback(close, loop, assembly)
        return Member(number, loop, assembly.task, state)

    def train(self, width: int) -> bool:
        """Train every member to its end, at most `width` at once; False when interrupted."""
        entry = self.folder.read()["stacks"][self.place]
        self._joined = entry["joined"]
        loop = PopulationLoop(
            width=width,
            waiting=self._waiting(),
            left=self._left,
            saved=self._saved,
            checkpoint_seconds=self.made[self.numbers[0]].training.checkpoint_seconds,
            judge=self.judge,
        )
        status = "interrupted"
        try:
            status = loop.run(self._back(entry["active"]))
        finally:
            for number in tuple(self._open):
                self._close(number)
        return status == "finished"

    def _back(self, active: dict[str, int]) -> list[Member]:
        """The members that the record has in the stack, but one that a remedy sent elsewhere."""
        there = {int(number): step for number, step in active.items()}
        stay = [n for n in there if not remedied.entries(self.folder.member(n))]
        return [self._returning(number, there[number]) for number in stay]

    def _waiting(self) -> Iterator[Member]:
        while self._joined < len(self.numbers):
            number = self.numbers[self._joined]
            self._joined += 1
            yield self._new(number)

    def _new(self, number: int) -> Member:
        """A member before its first step; its folder is made."""
        recipe = located(self.made[number])
        assembly = self._assembly(recipe)
        seen = look_at(assembly) if self.changes else self.shared.look(assembly)
        assembly, told = forecast_assembly(assembly, found=seen)
        if told.verdict != "ok":
            self.display.member(number).say(told.sentence)
        self.folder.clear(number)
        folder = self.folder.member(number)
        folder.root.mkdir(parents=True)
        write_beginning(folder, assembly.recipe, assembly, told)
        return self._member(number, folder, assembly, assembly.fresh_state())

    def _returning(self, number: int, step: int) -> Member:
        """A member as it was at `step`. Raises CheckpointError when its checkpoint is not whole."""
        folder = self.folder.member(number)
        require_same_changes(folder, self.changes)
        path = folder.checkpoints / f"step-{step:08d}"
        if not path.is_dir():
            raise CheckpointError(
                f"{path} is missing, with which the population goes on; restore it, or start anew"
            )
        tensors, body = checkpoints.read(path)
        recipe = located(read_recipe(folder.recipe), folder.root)
        assembly = self._assembly(recipe, starting("module/transform.", tensors))
        state = assembly.fresh_state()
        state.load(tensors, body["numbers"])
        return self._member(number, folder, assembly, state)

    def _assembly(self, recipe: Recipe, kept: Any = None) -> Assembly:
        """The parts of a run, on data that members share which see the same."""
        made = self.shared.assembly(recipe, self.plan, kept)
        return changed(made, self.changes, BEGINNING if kept is None else GOING_ON)

    def _member(
        self, number: int, folder: RunFolder, assembly: Assembly, state: TrainState
    ) -> Member:
        held = ExitStack()
        held.enter_context(locked(folder.root))
        shown = self.display.member(number)
        loop = engine(folder, assembly, state, shown)
        held.callback(close, loop, assembly)
        shown.started(assembly, state.step)
        self._open[number] = Open(folder, assembly, held, time.monotonic(), state.step)
        return Member(number, loop, assembly.task, state)

    def _saved(self, members: list[Member]) -> None:
        active = {str(member.number): member.state.step for member in members}
        self.note(joined=self._joined, active=active)

    def _left(self, member: Member, how: Status | DivergedError) -> None:
        """Write what the end of a run leaves, or note the remedy with which it is to go on."""
        folder, assembly, _, began, first = self._open[member.number]
        shown = self.display.member(member.number)
        if isinstance(how, DivergedError):
            found = diverged(member.loop, assembly, member.state, how, shown)
        else:
            found = ended(member.loop, how)
        edit = remedied.edit_for(folder, assembly.recipe, found.event)
        if found.event is not None and edit is not None:
            remedied.commit(folder, found.event, edit, remedied.back_to(folder, found.event))
        else:
            seconds = time.monotonic() - began
            trained = (member.state.step - first) * assembly.recipe.training.batch_size
            summary = write_end(folder, assembly, member.state, found, shown, seconds, trained)
            self.display.done(member.number, summary)
        self._close(member.number)

    def _close(self, number: int) -> None:
        self._open.pop(number).held.close()
