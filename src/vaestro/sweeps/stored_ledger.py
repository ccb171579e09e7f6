"""The ledger of a sweep's folder, opened only where it is: a file that has gone would be made anew,
and be empty.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vaestro.foundation.errors import RunFolderError
from vaestro.sweeps.folder import SweepFolder
from vaestro.sweeps.ledger.ledger import Ledger


@contextmanager
def stored_ledger(folder: SweepFolder, patience: float = 60.0) -> Iterator[tuple[Ledger, str]]:
    """The ledger of the sweep in a folder, open, and the sweep's id in it. Raises RunFolderError
    where there is none; StorageError when it does not answer for `patience` seconds."""
    place = folder.read_place()
    require_ledger(place["storage"], folder.root)
    ledger = Ledger(place["storage"], patience)
    try:
        yield ledger, place["id"]
    finally:
        ledger.close()


def require_ledger(storage: str, root: Path) -> None:
    """Raise RunFolderError where the file of the sweep in `root` has gone."""
    path = storage.removeprefix("sqlite:///")
    if path != storage and not Path(path).is_file():
        raise RunFolderError(
            f"the ledger of {root} is not at {path}; put it back as {root / 'ledger.sqlite'}"
        )
