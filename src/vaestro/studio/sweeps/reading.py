"""A sweep read from its folder and its ledger, and whether anybody is at work on it."""

from dataclasses import dataclass
from pathlib import Path

from vaestro.reports.sweep.facts import SweepFacts
from vaestro.studies.keeping import holds_study
from vaestro.studio.runs.at_work import at_work, locks_held
from vaestro.studio.starting.children import Child, Children
from vaestro.studio.studio import Studio
from vaestro.studio.sweeps.ledgers import PATIENCE, require_own
from vaestro.sweeps.page import facts_of
from vaestro.sweeps.stored import StoredSweep, read_sweep


@dataclass(frozen=True)
class Reading:
    """A sweep as it stands. `study`: whether it is carried out for a study; `child`: the newest
    process that a studio started on it; `fault`: why that failed, "" where it did not."""

    id: str
    root: Path
    stored: StoredSweep
    study: bool
    child: Child | None
    fault: str

    @property
    def coordinated(self) -> bool:
        """Whether a `vaestro sweep` on this machine is at work in its folder."""
        held = at_work(self.root, locks_held())
        return bool(held) or (self.child is not None and self.child.alive)

    @property
    def leases(self) -> int:
        """How many batches are held by workers that are still heard of."""
        return sum(
            batch.state == "leased" and (batch.seconds_left or 0) > 0
            for batch in self.stored.batches
        )

    @property
    def working(self) -> bool:
        """Whether anybody works on it, here or on another machine."""
        return self.coordinated or (self.stored.sweep.state == "running" and self.leases > 0)

    @property
    def status(self) -> str:
        """finished, running, stopping, interrupted."""
        state = self.stored.sweep.state
        if self.working:
            return "stopping" if state == "stopped" else "running"
        return "finished" if state == "finished" else "interrupted"

    def facts(self, importance: bool = False) -> SweepFacts:
        """What its page shows."""
        folder, definition, sweep, trials, _ = self.stored
        return facts_of(folder, definition, trials, self.status, sweep.trials, importance)


def read(studio: Studio, identity: str) -> Reading:
    """The sweep of that id. Raises NotThere, RunFolderError, RecipeError or StorageError in one
    line."""
    root = studio.find(identity)
    require_own(studio.root, root)
    stored = read_sweep(root, PATIENCE)
    children = Children(studio.root)
    child = children.of(identity)
    said = "" if child is None or child.alive else children.last_words(identity)
    fault = said if said.startswith("error:") else ""
    return Reading(identity, root, stored, holds_study(root), child, fault)
