"""What a recipe chose, as the health room is told it, and which edits that recipe takes."""

from collections.abc import Sequence

from vaestro.experiments.assemble import Assembly
from vaestro.experiments.recipe import Recipe, apply
from vaestro.foundation.errors import RecipeError
from vaestro.health.remedies.chosen import Chosen


def chosen_of(assembly: Assembly) -> Chosen:
    """The parts of the recipe that findings may blame."""
    recipe = assembly.recipe
    return Chosen(
        recipe.model,
        recipe.objective,
        recipe.training,
        assembly.horizon,
        recipe.transform,
        recipe.seed,
    )


def edited(recipe: Recipe, edit: str) -> Recipe | None:
    """The recipe with one edit; None where it does not take it, or is the same with it."""
    try:
        changed = apply(recipe, [edit])
    except RecipeError:
        return None
    return None if changed == recipe else changed


def fitting(recipe: Recipe, edits: Sequence[str]) -> tuple[str, ...]:
    """The edits that the recipe takes and that change it, each once."""
    return tuple(edit for edit in dict.fromkeys(edits) if edited(recipe, edit) is not None)
