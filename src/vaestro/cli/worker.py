"""vaestro worker"""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators

from vaestro.cli.output import Json, finish
from vaestro.foundation.errors import RunFolderError
from vaestro.sweeps.folder import SweepFolder
from vaestro.sweeps.ledger.ledger import Ledger
from vaestro.sweeps.stored_ledger import require_ledger
from vaestro.sweeps.worker import LEASE_SECONDS, Worker


def worker(
    place: str,
    /,
    *,
    sweep: Annotated[
        str | None, Parameter(help="Which sweep of a database: its id or its name.")
    ] = None,
    root: Annotated[
        Path | None, Parameter(help="Where the sweep's folder is on this machine.")
    ] = None,
    lease_seconds: Annotated[
        float,
        Parameter(
            help="A batch without progress for so long is taken over.",
            validator=validators.Number(gt=0),
        ),
    ] = LEASE_SECONDS,
    parent: Annotated[int | None, Parameter(show=False)] = None,
    json: Json = False,
) -> int:
    """Help with a sweep: one more worker, on this machine or any other that sees its folder.

    PLACE is the sweep's folder, or the address of the database with its ledger.
    """
    where, id, folder = _found(place, sweep, root)
    ledger = Ledger(where, say=_say)
    try:
        whole = Worker(
            ledger, id or _only(ledger, sweep), _say, folder, lease_seconds, parent
        ).work()
    finally:
        ledger.close()
    said = "no trial is left to train" if whole else "stopped; the batch in hand waits for another"
    finish({"sweep": place, "done": whole}, said, json)
    return 0 if whole else 1


def _found(place: str, sweep: str | None, root: Path | None) -> tuple[str, str | None, Path | None]:
    """The ledger's address, the sweep's id where it is known, and the sweep's folder."""
    if "://" in place:
        return place, None, root
    if sweep is not None:
        raise RunFolderError(f"{place} is one sweep's folder; leave --sweep out")
    folder = SweepFolder(Path(place))
    found = folder.read_place()
    require_ledger(found["storage"], folder.root)
    return found["storage"], found["id"], root or folder.root


def _only(ledger: Ledger, asked: str | None) -> str:
    """The id of the sweep that is meant. Raises RunFolderError where it is not clear."""
    every = ledger.sweeps()
    fitting = [one for one in every if asked in (one.id, one.name)] if asked else every
    running = [one for one in fitting if one.state == "running"] or fitting
    if len(running) == 1:
        return running[0].id
    named = ", ".join(f"{one.id} ({one.name}, {one.state})" for one in every[-8:]) or "none"
    raise RunFolderError(
        f"--sweep {asked or 'is missing and'} does not name one sweep; in this database: {named}"
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
