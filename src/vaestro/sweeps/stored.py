"""A sweep as its folder and its ledger have it, for those who only read it."""

from pathlib import Path
from typing import NamedTuple

from vaestro.foundation.errors import RunFolderError
from vaestro.sweeps.definition import Definition
from vaestro.sweeps.folder import SweepFolder
from vaestro.sweeps.ledger.ledger import Ledger
from vaestro.sweeps.ledger.rows import Sweep, Trial


class StoredSweep(NamedTuple):
    """A sweep and all its trials, in the order of their numbers."""

    folder: SweepFolder
    definition: Definition
    sweep: Sweep
    trials: list[Trial]

    @property
    def status(self) -> str:
        """finished, or unfinished: at work or waiting to be gone on with."""
        return "finished" if self.sweep.state == "finished" else "unfinished"


def read_sweep(root: Path) -> StoredSweep:
    """The sweep in the folder `root`. Raises RunFolderError where none is, or where its ledger has
    gone; StorageError when that does not answer."""
    folder = SweepFolder(root)
    place = folder.read_place()
    definition = Definition.parse(folder.read_definition())
    _require_file(place["storage"], root)
    ledger = Ledger(place["storage"])
    try:
        return StoredSweep(
            folder, definition, ledger.sweep(place["id"]), ledger.trials(place["id"])
        )
    finally:
        ledger.close()


def _require_file(storage: str, root: Path) -> None:
    """A ledger that was opened would be made anew."""
    path = storage.removeprefix("sqlite:///")
    if path != storage and not Path(path).is_file():
        raise RunFolderError(
            f"the ledger of {root} is not at {path}; put it back as {root / 'ledger.sqlite'}"
        )
