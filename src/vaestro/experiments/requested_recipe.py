"""The recipe that a person asks for: by a name, a file or what the data are, with edits."""

from collections.abc import Sequence
from pathlib import Path

from vaestro.data.dataset import DataSet
from vaestro.experiments.default_recipe import recipe_for, recipe_for_path
from vaestro.experiments.recipe import Recipe, apply, quoted, read_recipe


def edits(data: Path | None, assignments: Sequence[str] | None) -> list[str]:
    """The edits that a path of data and `field.path=value` assignments make, the latter last."""
    return [*([] if data is None else [f"data.path={quoted(data)}"]), *(assignments or [])]


def chosen(
    recipe: str | Path | Recipe | None,
    data: Path | DataSet | None,
    assignments: Sequence[str] | None,
) -> Recipe:
    """The recipe itself, by name or by path, with its edits; where none is named, the one for that
    kind of data, and digits where no data are given. Raises UserError in one line."""
    path = data if isinstance(data, Path) else None
    changes = edits(path, assignments)
    if isinstance(recipe, Recipe):
        return apply(recipe, changes) if changes else recipe
    return read_recipe(_default(data, changes) if recipe is None else recipe, changes)


def _default(data: Path | DataSet | None, changes: Sequence[str]) -> str:
    if data is None:
        return "digits"
    return recipe_for_path(data, changes) if isinstance(data, Path) else recipe_for(data)
