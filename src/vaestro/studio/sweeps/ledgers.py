"""Which ledgers the studio opens: those under its root, and databases of this machine.

A sweep's folder names the place of its ledger, and a folder may come from anybody: a path elsewhere
would be opened, and written to, and an address elsewhere would be asked over the network.
"""

from pathlib import Path

from vaestro.foundation.errors import RunFolderError
from vaestro.studio.ids import inside
from vaestro.studio.runs.guarded import require_file
from vaestro.sweeps.folder import SweepFolder
from vaestro.sweeps.ledger.engines import SQLITE, of_this_machine, parsed

PATIENCE = 2.0
"""Seconds for which a ledger that does not answer is asked again."""
LARGEST = 4 << 30
"""Bytes of a ledger's file; one of a hundred thousand trials has some hundred million."""


def require_own(root: Path, folder: Path) -> SweepFolder:
    """The sweep's folder. Raises RunFolderError, one line, where the studio may not open what it
    names, RecipeError for an address that is none."""
    for name in ("sweep.json", "sweep.yaml", "study.yaml"):
        require_file(root, folder / name)
    found = SweepFolder(folder)
    where = parsed(found.read_place()["storage"])
    if where.drivername == SQLITE:
        _require_under(root, Path(where.database or ""))
    elif not of_this_machine(where):
        raise RunFolderError(
            f"the ledger of {folder.name} is on {where.host or 'another machine'}, and the studio "
            f"asks none but this one; `vaestro report {folder}` shows the sweep"
        )
    return found


def _require_under(root: Path, ledger: Path) -> None:
    if not inside(root, ledger):
        raise RunFolderError(
            f"the sweep's ledger, {ledger.name}, is outside of the studio's root; start the studio "
            "over a folder that holds both"
        )
    require_file(root, ledger, LARGEST)
