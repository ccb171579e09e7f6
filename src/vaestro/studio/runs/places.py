"""Where runs, populations, sweeps and studies lie under the root; only names are read."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vaestro.studio.ids import identity, inside

Kind = Literal["run", "population", "sweep", "study"]

DEEPEST = 8
MOST_FOLDERS = 20_000
RUN_FILES = frozenset({"recipe.yaml", "manifest.json", "history.jsonl", "summary.json"})
"""One of them makes a folder a run, so that a damaged one is listed and says what it lacks."""


@dataclass(frozen=True)
class Place:
    """A folder that the list shows. `parent`: the id of the population or sweep it belongs to."""

    id: str
    path: Path
    kind: Kind
    parent: str | None = None


def places(root: Path) -> list[Place]:
    """Every place under `root`, parents before their members, each level in order of names.

    Links are followed only from a sweep's trials to its batches, never out of the root; nothing
    lies inside a run. Looks at most DEEPEST levels down and at MOST_FOLDERS folders.
    """
    budget = iter(range(MOST_FOLDERS))
    return list(_within(root, root, 0, budget))


def _within(root: Path, folder: Path, depth: int, budget: Iterator[int]) -> Iterator[Place]:
    if next(budget, None) is None:
        return
    names, below = _entries(folder)
    here = identity(root, folder)
    if "sweep.json" in names:
        yield Place(here, folder, "study" if "study.yaml" in names else "sweep")
        yield from _members(root, folder / "trials", here)
    elif "population.json" in names:
        yield Place(here, folder, "population")
        yield from _members(root, folder / "members", here)
    elif names & RUN_FILES:
        yield Place(here, folder, "run")
    elif depth < DEEPEST:
        for name in below:
            yield from _within(root, folder / name, depth + 1, budget)


def _members(root: Path, folder: Path, parent: str) -> Iterator[Place]:
    """The runs of a population or, through links, of a sweep."""
    try:
        with os.scandir(folder) as entries:
            found = sorted((entry.name, entry.is_symlink()) for entry in entries)
    except OSError:
        return
    for name, linked in found:
        path = folder / name
        if name.startswith(".") or not path.is_dir() or (linked and not inside(root, path)):
            continue
        yield Place(identity(root, path), path, "run", parent)


def _entries(folder: Path) -> tuple[set[str], list[str]]:
    """All names in a folder, and its folders that are neither hidden nor links."""
    try:
        with os.scandir(folder) as entries:
            found = [(one.name, one.is_dir(follow_symlinks=False)) for one in entries]
    except OSError:
        return set(), []
    below = sorted(name for name, is_folder in found if is_folder and not name.startswith("."))
    return {name for name, _ in found}, below
