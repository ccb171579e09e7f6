"""A sweep as its folder and its ledger have it, for those who only read it."""

from pathlib import Path
from typing import NamedTuple

from vaestro.sweeps.definition import Definition
from vaestro.sweeps.folder import SweepFolder
from vaestro.sweeps.ledger.rows import Batch, Sweep, Trial
from vaestro.sweeps.stored_ledger import stored_ledger


class StoredSweep(NamedTuple):
    """A sweep, all its trials in the order of their numbers, and its batches, the oldest first."""

    folder: SweepFolder
    definition: Definition
    sweep: Sweep
    trials: list[Trial]
    batches: list[Batch]

    @property
    def status(self) -> str:
        """finished, or unfinished: at work or waiting to be gone on with."""
        return "finished" if self.sweep.state == "finished" else "unfinished"


def read_sweep(root: Path, patience: float = 60.0) -> StoredSweep:
    """The sweep in the folder `root`. Raises RunFolderError where none is, or where its ledger has
    gone; StorageError when that does not answer for `patience` seconds."""
    folder = SweepFolder(root)
    definition = Definition.parse(folder.read_definition())
    with stored_ledger(folder, patience) as (ledger, id):
        sweep, trials, batches = ledger.sweep(id), ledger.trials(id), ledger.batches(id)
    return StoredSweep(folder, definition, sweep, trials, batches)
