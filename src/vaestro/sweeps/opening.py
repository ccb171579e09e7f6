"""A folder becomes a sweep, or is found to be the one that is asked for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vaestro.foundation.errors import RunFolderError
from vaestro.runs.lock import locked
from vaestro.sweeps.definition import Definition, trials_of
from vaestro.sweeps.folder import SweepFolder
from vaestro.sweeps.ledger.ledger import Ledger
from vaestro.sweeps.ledger.rows import Sweep
from vaestro.sweeps.search import grid_of
from vaestro.sweeps.stored_ledger import require_ledger


def count_of(folder: SweepFolder, definition: Definition, trials: int | None) -> int:
    """How many trials there shall be; 0 for as many as the sweep has. Raises RecipeError where the
    definition is not sound or the number not legal."""
    if folder.exists and trials is None and definition.search != "grid":
        return 0
    if not folder.exists:
        definition.require_sound()
    grid = definition.search == "grid"
    cells = grid_of(definition.recipe, definition.space) if grid else []
    return trials_of(trials, definition.search, cells)


@contextmanager
def alone(root: Path) -> Iterator[None]:
    """Hold the sweep's folder. Raises RunFolderError where another coordinator does."""
    try:
        with locked(root):
            yield
    except RunFolderError as fault:
        if "another process" not in str(fault):
            raise
        raise RunFolderError(
            f"another `vaestro sweep` is at work in {root}; to help it, run `vaestro worker {root}`"
        ) from None


def opened(
    folder: SweepFolder,
    definition: Definition,
    count: int,
    storage: str | None,
    say: Callable[[str], None],
) -> tuple[Ledger, str]:
    """The ledger, with this sweep in it, and its id. A folder is a sweep only once its ledger
    answered. Raises RunFolderError where the folder holds another sweep."""
    if folder.exists:
        place = folder.read_place()
        _require_storage(storage, place["storage"], folder.root)
        grown = _grown(folder, definition)
        require_ledger(place["storage"], folder.root)
        ledger = Ledger(place["storage"], say=say)
        if grown:
            folder.write_definition(definition.plain())
    else:
        place = folder.place_for(storage)
        ledger = Ledger(place["storage"], say=say)
        folder.create(definition.plain(), place)
    values = _as_known(ledger, definition, place["id"], count)
    root = str(folder.root.resolve())
    first = Sweep(place["id"], definition.recipe.name, root, values, count, "running", 0, {})
    ledger.create(first)
    if ledger.sweep(place["id"]).trials < count:
        ledger.extend(place["id"], count)
    ledger.set_state(place["id"], "running")
    return ledger, place["id"]


def undo(folder: SweepFolder, made: bool) -> None:
    """Leave no folder behind that a refused sweep made."""
    if made and not folder.exists:
        for path in (folder.definition, folder.root / ".lock"):
            path.unlink(missing_ok=True)
        folder.root.rmdir()


def _grown(folder: SweepFolder, definition: Definition) -> bool:
    """Whether the folder's grid has grown to this one. Raises RunFolderError where it holds another
    sweep."""
    stored = Definition.parse(folder.read_definition())
    if definition != stored and definition.grown_from(stored):
        return True
    stored.require_same(definition, str(folder.root))
    return False


def _as_known(ledger: Ledger, definition: Definition, id: str, count: int) -> dict[str, Any]:
    """The definition in the ledger's own words, which may be those of an earlier version; it is
    told of a grid that has grown, perhaps by a call that was cut off."""
    for known in ledger.sweeps():
        if known.id == id:
            stored = Definition.parse(known.definition)
            if stored == definition:
                return known.definition
            if definition.grown_from(stored):
                ledger.grow(id, definition.plain(), count)
    return definition.plain()


def _require_storage(asked: str | None, stored: str, root: Path) -> None:
    if asked is not None and asked != stored:
        raise RunFolderError(
            f"{root} has its ledger elsewhere than --storage says; leave --storage out to go on, "
            "or give another --out"
        )
