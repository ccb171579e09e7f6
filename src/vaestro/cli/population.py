"""vaestro train --vary, --seeds, --population"""

from pathlib import Path
from typing import NamedTuple

from cyclopts import validators

from vaestro.cli.output import finish
from vaestro.cli.population_progress import TerminalPopulation
from vaestro.experiments.generic import recipe_for_path
from vaestro.experiments.population import population as training
from vaestro.experiments.population.variations import Edits, crossed, listed
from vaestro.experiments.recipe import quoted, read_recipe
from vaestro.foundation.errors import RecipeError, RunFolderError
from vaestro.runs.folder import next_free

AT_ONCE = validators.Number(gte=1, lte=256)
"""So many members may be asked for at once: each holds files open."""


class Members(NamedTuple):
    """What the command line says of the members."""

    vary: tuple[str, ...]
    seeds: int | None
    file: Path | None
    width: int | None

    def edits(self) -> list[Edits]:
        """The edits of each. Raises RecipeError in one line."""
        if self.file is None:
            return crossed(self.vary, self.seeds)
        if self.vary:
            raise RecipeError("--population lists the members; leave --vary out, or give it alone")
        if self.seeds is None:
            return listed(self.file)
        each = crossed((), self.seeds)
        return [(*member, *seed) for member in listed(self.file) for seed in each]


def train_population(
    recipe: str | None,
    members: Members,
    run: Path | None,
    data: Path | None,
    resume: bool,
    assignments: list[str],
    json: bool,
) -> int:
    """Train a population, or go on with the one in `run`; returns the exit code."""
    display = TerminalPopulation()
    try:
        if resume:
            if run is None:
                raise RunFolderError("--resume needs --run: the folder to go on with")
            if recipe or assignments or data or members != Members((), None, None, None):
                raise RecipeError(
                    "a resumed population has its recipe and members; give --resume --run alone"
                )
            summary = training.resume(run, display)
        else:
            if recipe is None:
                recipe = "digits" if data is None else recipe_for_path(data)
            given = [] if data is None else [f"data.path={quoted(data)}"]
            chosen = read_recipe(recipe, [*given, *assignments])
            root = run or next_free(Path("runs"), f"{chosen.name}-population")
            summary = training.start(chosen, members.edits(), root, display, members.width)
    finally:
        display.close()
    display.table(summary)
    finish(summary, f"{summary['sentence']}\nmembers: {summary['run']}/members", json)
    return 0 if summary["status"] == "finished" else 1
