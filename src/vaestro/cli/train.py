"""vaestro train"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vaestro.cli.output import Assignments, Json, finish
from vaestro.cli.population import AT_ONCE, Members, train_population
from vaestro.cli.progress import TerminalDisplay
from vaestro.experiments import train as training
from vaestro.experiments.generic import recipe_for_path
from vaestro.experiments.population.folder import PopulationFolder
from vaestro.experiments.recipe import Recipe, apply, quoted, read_recipe
from vaestro.foundation.errors import RunFolderError
from vaestro.reports.page import write_report
from vaestro.runs.folder import RunFolder, next_free


def train(
    recipe: str | None = None,
    /,
    *,
    run: Annotated[Path | None, Parameter(help="The run folder.")] = None,
    data: Annotated[
        Path | None,
        Parameter(help="A file or folder of yours in place of the recipe's data."),
    ] = None,
    resume: Annotated[bool, Parameter(negative="", help="Go on with the run in --run.")] = False,
    set_: Assignments = None,
    vary: Annotated[
        list[str] | None,
        Parameter(
            name="--vary",
            negative="",
            help="Train a member for each value: --vary objective.beta=1,2,4. Repeatable: crossed.",
        ),
    ] = None,
    seeds: Annotated[
        int | None, Parameter(help="Train every member with so many seeds, from 0 up.")
    ] = None,
    population: Annotated[
        Path | None, Parameter(help="A YAML file that lists the members' edits.")
    ] = None,
    width: Annotated[
        int | None,
        Parameter(
            help="Members at once, 1: one by one; measured when left out.", validator=AT_ONCE
        ),
    ] = None,
    json: Json = False,
) -> int:
    """Train a recipe into a run folder.

    RECIPE is a built-in name (see `vaestro recipes`) or a YAML file; digits when left out, and
    with --data the recipe for that kind of data. With --resume it is the run's own recipe when
    left out. --vary, --seeds and --population train many runs as one program; each has a folder in
    members/ of --run.
    """
    if vary or seeds is not None or population is not None or _holds_population(run, resume):
        members = Members(tuple(vary or ()), seeds, population, width)
        return train_population(recipe, members, run, data, resume, set_ or [], json)
    assignments = [*([] if data is None else [f"data.path={quoted(data)}"]), *(set_ or [])]
    before = None
    display = TerminalDisplay()
    try:
        if resume:
            if run is None:
                raise RunFolderError("--resume needs --run: the folder of the run to go on with")

            root, before = run, RunFolder(run).read_summary()

            def wanted(stored: Recipe) -> Recipe:
                return apply(stored if recipe is None else read_recipe(recipe), assignments)

            summary = training.resume(run, wanted, display)
        else:
            if recipe is None:
                recipe = "digits" if data is None else recipe_for_path(data)
            chosen = read_recipe(recipe, assignments)
            root = run or next_free(Path("runs"), chosen.name)
            summary = training.start(chosen, root, display)
    finally:
        display.close()
    folder = RunFolder(root)
    if not folder.report.is_file() or summary != before:  # a finished run is left as it is
        write_report(folder.root)
    finish(summary, f"{summary['sentence']}\nreport: {folder.report}", json)
    return 0 if summary["status"] in ("finished", "stopped_early") else 1


def _holds_population(run: Path | None, resume: bool) -> bool:
    return resume and run is not None and PopulationFolder(run).record.is_file()
