"""Stopping a sweep, going on with it, and adding trials to it."""

from typing import Any

from vaestro.foundation.errors import RunFolderError
from vaestro.studio.answers import Refused
from vaestro.studio.starting.children import Children
from vaestro.studio.starting.command import command
from vaestro.studio.studio import Studio
from vaestro.studio.sweeps.ledgers import PATIENCE
from vaestro.studio.sweeps.reading import Reading, read
from vaestro.sweeps.definition import MOST
from vaestro.sweeps.stored_ledger import stored_ledger

WORKERS = 64


def stop(studio: Studio, body: dict[str, Any]) -> dict[str, Any]:
    """Let every worker of the sweep, on this machine or another, write what it has and go."""
    reading = read(studio, str(body.get("id", "")))
    if not reading.working:
        raise RunFolderError(f"nobody is at work on {reading.id}: there is nothing to stop")
    with stored_ledger(reading.stored.folder, PATIENCE) as (ledger, id):
        ledger.set_state(id, "stopped")
    if reading.child is not None and reading.child.alive:
        Children(studio.root).stop(reading.id)  # also before it has opened the ledger
    return {"id": reading.id, "status": "stopping"}


def go_on(studio: Studio, body: dict[str, Any]) -> dict[str, Any]:
    """Go on with the sweep; with `trials`, until it has so many; by `workers` processes."""
    reading = read(studio, str(body.get("id", "")))
    if reading.coordinated:
        raise RunFolderError(f"{reading.id} is at work already; stop it first, or wait")
    trials = _number(body, "trials", MOST)
    if trials is not None:
        _require_more(reading, trials)
    elif reading.stored.sweep.state == "finished":
        raise RunFolderError(f"{reading.id} is finished; give it more trials to go on")
    words = words_of(reading, trials, _number(body, "workers", WORKERS))
    Children(studio.root).start(reading.id, "sweep", [*words, "--json"])
    return {"id": reading.id, "command": command(words)}


def _require_more(reading: Reading, trials: int) -> None:
    why = cannot_grow(reading)
    if why:
        raise RunFolderError(why)
    wanted = reading.stored.sweep.trials
    if trials <= wanted:
        raise RunFolderError(
            f"trials is {trials}, and the sweep has {wanted}; give a larger number"
        )


def cannot_grow(reading: Reading) -> str:
    """Why the sweep cannot have more trials, "" where it can."""
    if reading.study:
        return "a study has the settings and seeds that it was begun with; begin another for more"
    if reading.stored.definition.search == "grid":
        return "a grid has as many trials as cells; begin another sweep for more"
    return ""


def words_of(reading: Reading, trials: int | None = None, workers: int | None = None) -> list[str]:
    """What stands behind `vaestro` to go on with it."""
    words = ["study" if reading.study else "sweep", "--out", str(reading.root)]
    words += [] if trials is None else ["--trials", str(trials)]
    return words + ([] if workers is None else ["--workers", str(workers)])


def _number(body: dict[str, Any], name: str, most: int) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise Refused(f"{name} is {value!r}; legal: a whole number from 1 to {most:,}")
    return value
