"""The recipe that a person asks for: by a name, a file or what the data are, with edits."""

from collections.abc import Sequence
from pathlib import Path

from vaestro.experiments.generic import recipe_for_path
from vaestro.experiments.recipe import Recipe, quoted, read_recipe


def edits(data: Path | None, assignments: Sequence[str] | None) -> list[str]:
    """The edits that --data and --set make, those of --set last."""
    return [*([] if data is None else [f"data.path={quoted(data)}"]), *(assignments or [])]


def chosen(recipe: str | None, data: Path | None, assignments: Sequence[str] | None) -> Recipe:
    """The recipe by name or path; digits when left out, with --data the one for that kind."""
    if recipe is None:
        recipe = "digits" if data is None else recipe_for_path(data)
    return read_recipe(recipe, edits(data, assignments))
