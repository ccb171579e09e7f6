"""vaestro train"""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from vaestro.cli.chosen import chosen, edits
from vaestro.cli.output import Assignments, Json, finish
from vaestro.cli.population import (
    Listed,
    Members,
    Seeds,
    Vary,
    Width,
    train_population,
)
from vaestro.cli.progress import TerminalDisplay
from vaestro.experiments import train as training
from vaestro.experiments.population.folder import PopulationFolder
from vaestro.experiments.recipe import Recipe, apply, read_recipe
from vaestro.foundation.errors import RecipeError, RunFolderError
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
    vary: Vary = None,
    seeds: Seeds = None,
    population: Listed = None,
    width: Width = None,
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
    if width is not None:
        raise RecipeError("--width is of a population; give --vary, --seeds or --population too")
    display, before = TerminalDisplay(), None
    try:
        if resume:
            before = _required(run).read_summary()
            summary = _resumed(_required(run).root, recipe, edits(data, set_), display)
        else:
            asked = chosen(recipe, data, set_)
            summary = training.start(asked, run or next_free(Path("runs"), asked.name), display)
    finally:
        display.close()
    folder = RunFolder(Path(summary["run"]))
    if not folder.report.is_file() or summary != before:  # a finished run is left as it is
        write_report(folder.root)
    finish(summary, f"{summary['sentence']}\nreport: {folder.report}", json)
    return 0 if summary["status"] in ("finished", "stopped_early") else 1


def _required(run: Path | None) -> RunFolder:
    """The folder of the run to go on with. Raises RunFolderError where none was given."""
    if run is None:
        raise RunFolderError("--resume needs --run: the folder of the run to go on with")
    return RunFolder(run)


def _resumed(
    root: Path, recipe: str | None, assignments: list[str], display: TerminalDisplay
) -> dict[str, Any]:
    """The summary of the run in `root`, trained to its end."""

    def wanted(stored: Recipe) -> Recipe:
        return apply(stored if recipe is None else read_recipe(recipe), assignments)

    return training.resume(root, wanted, display)


def _holds_population(run: Path | None, resume: bool) -> bool:
    return resume and run is not None and PopulationFolder(run).record.is_file()
