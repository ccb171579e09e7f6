"""A sweep on this machine: its folder and its ledger, its workers, and what they have found.

The truth is in the ledger. This coordinator can be killed at any moment; the same call goes on.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from vaestro.foundation.errors import StorageError, UserError
from vaestro.sweeps.copies import Copies
from vaestro.sweeps.crew import Crew
from vaestro.sweeps.definition import Definition
from vaestro.sweeps.folder import SweepFolder
from vaestro.sweeps.keeping import Keeping, SweepKeeping
from vaestro.sweeps.ledger.ledger import Ledger
from vaestro.sweeps.ledger.rows import Batch, Sweep, Trial
from vaestro.sweeps.opening import alone, count_of, opened, undo
from vaestro.sweeps.page import try_page
from vaestro.sweeps.ray_crew import RayCrew, require_reachable
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
        return self.all_asked and all(batch.state == "done" for batch in self.batches)

    @property
    def all_asked(self) -> bool:
        """Whether no trial is left to ask."""
        return self.sweep.asked >= self.sweep.trials

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
    long a batch waits for a worker that makes no progress. `fork`: the first processes are forked
    from this one, see `forked`. `copy_to`: the run folders of trials that have ended are copied to
    this URL.
    """

    workers: int = 1
    storage: str | None = None
    lease_seconds: float = LEASE_SECONDS
    ray: str | None = None
    gpus: float = 0.0
    fork: bool = False
    copy_to: str | None = None

    def crew(self, folder: SweepFolder, say: Callable[[str], None]) -> Crew | RayCrew:
        """Who does the work."""
        if self.ray is None:
            crew = Crew(folder, self.workers, self.lease_seconds, say)
            if self.fork:
                crew.prepare()
            return crew
        return RayCrew(folder, self.workers, self.lease_seconds, say, self.ray, self.gpus)

    def copies(self, folder: SweepFolder, say: Callable[[str], None]) -> Copies | None:
        """Who copies what has ended. Raises StorageError for a URL that cannot be written."""
        return None if self.copy_to is None else Copies(folder, self.copy_to, say)


class Hands(NamedTuple):
    """Who works on a sweep: on its trials, on copies of them if these are wanted, on its pages."""

    crew: Crew | RayCrew
    copies: Copies | None
    keeping: Keeping


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
    folder, kept = SweepFolder(root), keeping or SweepKeeping()
    folder.require_usable()
    kept.require_own(folder)
    if wanted.ray is not None:
        require_reachable(wanted.ray)
    if definition is None:
        definition = Definition.parse(folder.read_definition())
    count = count_of(folder, definition, trials)
    copies = wanted.copies(folder, display.say)
    made = not root.exists()
    crew = wanted.crew(folder, display.say)  # no lock and no database is open yet
    try:
        root.mkdir(parents=True, exist_ok=True)
        with alone(root):
            try:
                ledger, id = opened(folder, definition, count, wanted.storage, display.say)
                if copies is not None:
                    copies.begin(id)
            except (UserError, StorageError):
                undo(folder, made)
                raise
            try:
                kept.begin(folder)
                hands = Hands(crew, copies, kept)
                return _carried_out(folder, definition, ledger, id, hands, display)
            finally:
                ledger.close()
    finally:
        crew.dismiss()


def _carried_out(
    folder: SweepFolder,
    definition: Definition,
    ledger: Ledger,
    id: str,
    hands: Hands,
    display: SweepDisplay,
) -> dict[str, Any]:
    crew, copies, keeping = hands
    began = time.monotonic()
    standing = look(ledger, id)
    display.opened(definition, standing, folder.root)
    with interruption() as asked:
        try:
            while not (standing.done or standing.stopped or asked.is_set()):
                crew.keep(standing.ended)
                asked.wait(LOOK_SECONDS)
                standing = look(ledger, id)
                display.looked(standing)
                if standing.all_asked:  # soon a core is free for it
                    with suppress(Exception):  # said when the page cannot be written
                        keeping.load()
                if copies is not None:
                    copies.keep(standing.trials)
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
    if copies is not None:
        summary["copied"] = copies.end(standing.trials)
    return summary


def look(ledger: Ledger, id: str) -> Standing:
    """How the sweep stands."""
    return Standing(ledger.sweep(id), ledger.trials(id), ledger.batches(id))
