"""What was changed in a run's model beside its recipe: studies plant known faults so.

The changes are named in the manifest and in red in the report, and only the same ones go on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from vaestro.experiments.assemble import Assembly
from vaestro.foundation.errors import RunFolderError
from vaestro.foundation.randomness import Stream, generator
from vaestro.models.vae import VAE
from vaestro.runs.folder import RunFolder

BEGINNING, GOING_ON, LOADED = 1, 2, 3
"""Whose model is changed: that of a new run, of one that goes on, of one that was read back."""


@dataclass(frozen=True)
class Change:
    """`mark`: its name in the manifest. `make` changes a model in place, before its weights are
    trained or read back; it draws from the generator that it is given. `stacks`: whether models
    that are changed so can train as one program."""

    mark: str
    make: Callable[[VAE, torch.Generator], None]
    stacks: bool = True


def changed(assembly: Assembly, changes: Sequence[Change], when: int) -> Assembly:
    """The assembly, its model changed in place and marked; what is drawn depends on `when`."""
    if not changes:
        return assembly
    change_model(assembly.vae, changes, assembly.recipe.seed, when)
    return replace(assembly, changes=tuple(change.mark for change in changes))


def change_model(vae: VAE, changes: Sequence[Change], seed: int, when: int) -> None:
    """Change a model in place."""
    for change in changes:
        change.make(vae, generator(seed, Stream.INITIALISATION, when))


def require_same_changes(folder: RunFolder, changes: Sequence[Change]) -> None:
    """Raise RunFolderError unless the run in `folder` was trained with just these changes."""
    had = list(folder.read_manifest().get("faults", []))
    given = [change.mark for change in changes]
    if had == given:
        return
    raise RunFolderError(
        f"{folder.root} was trained {_words(had)} and is to go on {_words(given)}; "
        "go on with the command that made it (`vaestro study NAME --out FOLDER`), or begin anew"
    )


def _words(marks: Sequence[str]) -> str:
    return f"with planted faults ({', '.join(marks)})" if marks else "without planted faults"
