"""Train a population of VAEs into a folder, or go on with the one that is in it.

Members that can be stacked are, if that is faster here; the others train one by one. Each has a run
folder like any run.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vaestro.experiments.guests import located
from vaestro.experiments.population.carried import carry_out, stacks_of
from vaestro.experiments.population.folder import PopulationFolder, first_record
from vaestro.experiments.population.shown import PopulationDisplay
from vaestro.experiments.population.surroundings import ITS_OWN, Surroundings
from vaestro.experiments.population.vaes import Vaes
from vaestro.experiments.population.variations import Edits, recipes
from vaestro.experiments.recipe import Recipe
from vaestro.runs.lock import locked


def start(
    recipe: Recipe,
    edits: Sequence[Edits],
    root: Path,
    display: PopulationDisplay,
    width: int | None = None,
    around: Surroundings = ITS_OWN,
) -> dict[str, Any]:
    """Train a member for each of `edits` into the new folder `root`; returns what `vaestro train
    --json` prints. `width`: so many at once at most (1: one by one); None measures what is best.
    `around`: what its members share with those of other populations. Raises UserError
    before the folder exists."""
    folder = PopulationFolder(root)
    folder.require_free()
    recipe = located(recipe)
    made, family = recipes(recipe, edits), Vaes(around)
    root.mkdir(parents=True, exist_ok=True)
    with locked(root):
        folder.write(first_record(recipe.plain(), edits, stacks_of(made, family), width))
        return carry_out(folder, made, display, family)


def resume(
    root: Path, display: PopulationDisplay, around: Surroundings = ITS_OWN
) -> dict[str, Any]:
    """Go on with the population in `root`. Members that are done stay as they are. Raises
    RunFolderError or CheckpointError in one line when it cannot go on."""
    folder = PopulationFolder(root)
    record = folder.read()
    made = recipes(Recipe.parse(record["recipe"]), [tuple(one) for one in record["members"]])
    with locked(root):
        return carry_out(folder, made, display, Vaes(around))
