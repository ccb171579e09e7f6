"""A sweep on this machine: its folder and its ledger, its workers, and what they have found.

The truth is in the ledger. This coordinator can be killed at any moment; the same call goes on.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from vaestro.foundation.errors import RunFolderError, StorageError, UserError
from vaestro.runs.lock import locked
from vaestro.sweeps.crew import Crew
from vaestro.sweeps.definition import Definition, trials_of
from vaestro.sweeps.folder import SweepFolder
from vaestro.sweeps.keeping import Keeping, SweepKeeping
from vaestro.sweeps.ledger.ledger import Ledger
from vaestro.sweeps.ledger.rows import Batch, Sweep, Trial
from vaestro.sweeps.page import try_page
from vaestro.sweeps.ray_crew import RayCrew, require_reachable
from vaestro.sweeps.search import grid_of
from vaestro.sweeps.summary import summary_of
from vaestro.sweeps.worker import LEASE_SECONDS
from vaestro.training.interruption import interruption

LOOK_SECONDS = 0.5
"""How often the ledger is asked how things stand."""


class Standing(NamedTuple):
    """How a sweep stands."""

    sweep: Sweep
    trials: list[Trial]
    batches: list[Batch]

    @property
    def ended(self) -> int:
        """How many trials have ended."""
        return sum(trial.state != "waiting" for trial in self.trials)

    @property
    def done(self) -> bool:
        """Whether no trial is left to ask or to train."""
        asked = self.sweep.asked >= self.sweep.trials
        return asked and all(batch.state == "done" for batch in self.batches)

    @property
    def stopped(self) -> bool:
        """Whether somebody said in the ledger that it shall stop."""
        return self.sweep.state == "stopped"


class SweepDisplay(Protocol):
    """What shows a sweep to a person."""

    def opened(self, definition: Definition, standing: Standing, root: Path) -> None:
        """The sweep begins, or goes on."""

    def looked(self, standing: Standing) -> None:
        """How it stands now."""

    def say(self, text: str) -> None:
        """A sentence for the person."""


class Wanted(NamedTuple):
    """How a sweep is to be carried out; none of it changes what is found.

    `storage`: the ledger's address, None for a file in the folder. `workers`: processes on this
    machine, or actors of the Ray cluster at `ray`, each with `gpus` of a GPU. `lease_seconds`: how
    long a batch waits for a worker that makes no progress.
    """

    workers: int = 1
    storage: str | None = None
    lease_seconds: float = LEASE_SECONDS
    ray: str | None = None
    gpus: float = 0.0

    def crew(self, folder: SweepFolder, say: Callable[[str], None]) -> Crew | RayCrew:
        """Who does the work."""
        if self.ray is None:
            return Crew(folder, self.workers, self.lease_seconds, say)
        return RayCrew(folder, self.workers, self.lease_seconds, say, self.ray, self.gpus)


def sweep(
    definition: Definition | None,
    trials: int | None,
    root: Path,
    wanted: Wanted,
    display: SweepDisplay,
    keeping: Keeping | None = None,
) -> dict[str, Any]:
    """Carry out a sweep in `root`, or go on with the one that is there; returns what `vaestro sweep
    --json` prints. `definition` None is the one that is there, `trials` None its number, `keeping`
    None that of a search. Raises UserError before the folder exists, StorageError when no worker
    can go on."""
    folder = SweepFolder(root)
    folder.require_usable()
    if wanted.ray is not None:
        require_reachable(wanted.ray)
    if definition is None:
        definition = Definition.parse(folder.read_definition())
    count = _count(folder, definition, trials)
    made = not root.exists()
    root.mkdir(parents=True, exist_ok=True)
    with _alone(root):
        try:
            ledger, id = _opened(folder, definition, count, wanted.storage, display)
        except (UserError, StorageError):
            _undo(folder, made)
            raise
        try:
            kept = keeping or SweepKeeping()
            kept.begin(folder)
            return _carried_out(folder, definition, ledger, id, wanted, display, kept)
        finally:
            ledger.close()


def _count(folder: SweepFolder, definition: Definition, trials: int | None) -> int:
    """How many trials there shall be; 0 for as many as the sweep has. Raises RecipeError where the
    definition is not sound or the number not legal."""
    if folder.exists and trials is None:
        return 0
    if not folder.exists:
        definition.require_sound()
    grid = definition.search == "grid"
    cells = grid_of(definition.recipe, definition.space) if grid else []
    return trials_of(trials, definition.search, cells)


def _undo(folder: SweepFolder, made: bool) -> None:
    """Leave no folder behind that a refused sweep made."""
    if made and not folder.exists:
        for path in (folder.definition, folder.root / ".lock"):
            path.unlink(missing_ok=True)
        folder.root.rmdir()


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    try:
        with locked(root):
            yield
    except RunFolderError as fault:
        if "another process" not in str(fault):
            raise
        raise RunFolderError(
            f"another `vaestro sweep` is at work in {root}; to help it, run `vaestro worker {root}`"
        ) from None


def _opened(
    folder: SweepFolder,
    definition: Definition,
    count: int,
    storage: str | None,
    display: SweepDisplay,
) -> tuple[Ledger, str]:
    """The ledger, with this sweep in it. A folder is a sweep only once its ledger answered."""
    if folder.exists:
        Definition.parse(folder.read_definition()).require_same(definition, str(folder.root))
        place = folder.read_place()
        _require_storage(storage, place["storage"], folder.root)
        ledger = Ledger(place["storage"], say=display.say)
    else:
        place = folder.place_for(storage)
        ledger = Ledger(place["storage"], say=display.say)
        folder.create(definition.plain(), place)
    values = definition.plain()
    root = str(folder.root.resolve())
    first = Sweep(place["id"], definition.recipe.name, root, values, count, "running", 0, {})
    ledger.create(first)
    if ledger.sweep(place["id"]).trials < count:
        ledger.extend(place["id"], count)
    ledger.set_state(place["id"], "running")
    return ledger, place["id"]


def _require_storage(asked: str | None, stored: str, root: Path) -> None:
    if asked is not None and asked != stored:
        raise RunFolderError(
            f"{root} has its ledger elsewhere than --storage says; leave --storage out to go on, "
            "or give another --out"
        )


def _carried_out(
    folder: SweepFolder,
    definition: Definition,
    ledger: Ledger,
    id: str,
    wanted: Wanted,
    display: SweepDisplay,
    keeping: Keeping,
) -> dict[str, Any]:
    began = time.monotonic()
    standing = look(ledger, id)
    display.opened(definition, standing, folder.root)
    crew = wanted.crew(folder, display.say)
    with interruption() as asked:
        try:
            while not (standing.done or standing.stopped or asked.is_set()):
                crew.keep(standing.ended)
                asked.wait(LOOK_SECONDS)
                standing = look(ledger, id)
                display.looked(standing)
        finally:
            crew.dismiss()
    standing = look(ledger, id)
    ledger.set_state(id, "finished" if standing.done else "stopped")  # workers elsewhere stop too
    seconds = time.monotonic() - began
    status = "finished" if standing.done else "interrupted"
    summary = summary_of(folder.root, definition, standing.trials, status, seconds)
    keeping.tables(folder, definition, standing.trials, summary)
    told = (folder, definition, standing.trials, status, standing.sweep.trials)
    fault = try_page(partial(keeping.page, *told), folder.root)
    if fault:
        display.say(fault)
    return summary


def look(ledger: Ledger, id: str) -> Standing:
    """How the sweep stands."""
    return Standing(ledger.sweep(id), ledger.trials(id), ledger.batches(id))
