"""vaestro train"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

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
from vaestro.experiments.circumstances import Circumstances
from vaestro.experiments.population.folder import PopulationFolder
from vaestro.experiments.recipe import Recipe, apply, read_recipe
from vaestro.experiments.requested_recipe import chosen, edits
from vaestro.experiments.watch import Display, Quiet
from vaestro.foundation.errors import RecipeError, RunFolderError
from vaestro.reports.page import write_report
from vaestro.runs.folder import RunFolder, next_free
from vaestro.training.distribution.ranks import Ranks, found, joined


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
    ranks = found()
    members = Members(tuple(vary or ()), seeds, population, width)
    if _holds_population(run, resume) or members.any:
        _require_one_process(ranks)
        return train_population(recipe, members, run, data, resume, set_ or [], json)
    with joined(ranks):
        if resume:
            return _resumed(_required(run), recipe, edits(data, set_), ranks, json)
        asked = chosen(recipe, data, set_)
        root = ranks.told(run or next_free(Path("runs"), asked.name))
        return _started(asked, root, ranks, json)


def _started(recipe: Recipe, root: Path, ranks: Ranks, json: bool) -> int:
    with _shown(ranks) as display:
        summary = training.start(recipe, root, display, given=Circumstances(ranks=ranks))
    return _ended(summary, None, ranks, json)


def _resumed(
    folder: RunFolder, recipe: str | None, assignments: list[str], ranks: Ranks, json: bool
) -> int:
    before = folder.read_summary()

    def wanted(stored: Recipe) -> Recipe:
        return apply(stored if recipe is None else read_recipe(recipe), assignments)

    with _shown(ranks) as display:
        summary = training.resume(folder.root, wanted, display, Circumstances(ranks=ranks))
    return _ended(summary, before, ranks, json)


@contextmanager
def _shown(ranks: Ranks) -> Iterator[Display]:
    """The display of this process; the first one's is the terminal."""
    if not ranks.first:
        yield Quiet()
        return
    display = TerminalDisplay()
    try:
        yield display
    finally:
        display.close()


def _ended(summary: dict[str, Any], before: dict[str, Any] | None, ranks: Ranks, json: bool) -> int:
    """The report and the last words of a run whose summary was `before`, by the first process; the
    others did what was theirs, and torchrun would end it at any other exit code."""
    if not ranks.first:
        return 0
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


def _holds_population(run: Path | None, resume: bool) -> bool:
    return resume and run is not None and PopulationFolder(run).record.is_file()


def _require_one_process(ranks: Ranks) -> None:
    """Raise RecipeError for a population under torchrun: its members share one program."""
    if ranks.count > 1:
        raise RecipeError(
            f"a population is trained by one process, and torchrun started {ranks.count}; start "
            "vaestro without torchrun, or train its runs one by one"
        )
