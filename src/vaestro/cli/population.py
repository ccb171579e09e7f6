"""vaestro train --vary, --seeds, --population"""

from pathlib import Path
from typing import Annotated, NamedTuple

from cyclopts import Parameter, validators

from vaestro.cli.output import finish
from vaestro.cli.population_progress import TerminalPopulation
from vaestro.experiments.population import population as training
from vaestro.experiments.population.variations import Edits, crossed, listed
from vaestro.experiments.requested_recipe import chosen
from vaestro.foundation.errors import RecipeError, RunFolderError
from vaestro.runs.folder import next_free

AT_ONCE = validators.Number(gte=1, lte=256)
"""So many members may be asked for at once: each holds files open."""


Vary = Annotated[
    list[str] | None,
    Parameter(
        name="--vary",
        negative="",
        help="Train a member for each value: --vary training.learning_rate=1e-4,1e-3. "
        "Repeatable: crossed.",
    ),
]
Seeds = Annotated[int | None, Parameter(help="Train every member with so many seeds, from 0 up.")]
Listed = Annotated[Path | None, Parameter(help="A YAML file that lists the members' edits.")]
Width = Annotated[
    int | None,
    Parameter(help="Members at once, 1: one by one; measured when left out.", validator=AT_ONCE),
]


FIGURES = ("data term", "prior term", "live dimensions")
"""What the table tells of each member beside its verdict."""


class Members(NamedTuple):
    """What the command line says of the members."""

    vary: tuple[str, ...] = ()
    seeds: int | None = None
    file: Path | None = None
    width: int | None = None

    @property
    def any(self) -> bool:
        """Whether a population is asked for. Raises RecipeError for a width alone."""
        asked = bool(self.vary) or self.seeds is not None or self.file is not None
        if self.width is not None and not asked:
            raise RecipeError(
                "--width is of a population; give --vary, --seeds or --population too"
            )
        return asked

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
            if recipe or assignments or data or members != Members():
                raise RecipeError(
                    "a resumed population has its recipe and members; give --resume --run alone"
                )
            summary = training.resume(run, display)
        else:
            asked = chosen(recipe, data, assignments)
            root = run or next_free(Path("runs"), f"{asked.name}-population")
            summary = training.start(asked, members.edits(), root, display, members.width)
    finally:
        display.close()
    display.table(summary, FIGURES)
    finish(summary, f"{summary['sentence']}\nmembers: {summary['run']}/members", json)
    return 0 if summary["status"] == "finished" else 1
