"""vaestro study"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vaestro.cli.output import AT_LEAST_ONE, Assignments, Json, finish
from vaestro.cli.study_table import print_cells
from vaestro.cli.sweep_progress import TerminalSweep
from vaestro.experiments.recipe import quoted
from vaestro.foundation.errors import RecipeError
from vaestro.studies.config import StudyConfig, named, read_study
from vaestro.studies.keeping import stored_study
from vaestro.studies.study import carry_out, cells_in
from vaestro.sweeps.sweep import Wanted
from vaestro.sweeps.worker import LEASE_SECONDS


def study(
    name: str | None = None,
    /,
    *,
    out: Annotated[
        Path | None, Parameter(help="The study's folder; that of an earlier one goes on.")
    ] = None,
    quick: Annotated[bool, Parameter(negative="", help="Minutes on two cores.")] = False,
    seeds: Annotated[
        int | None, Parameter(help="Runs of each cell.", validator=AT_LEAST_ONE)
    ] = None,
    workers: Annotated[int, Parameter(help="Processes.", validator=AT_LEAST_ONE)] = 1,
    storage: Annotated[
        str | None, Parameter(help="The ledger: postgresql://...; a file in --out when left out.")
    ] = None,
    data: Annotated[
        Path | None, Parameter(help="A file or folder of yours in place of the recipe's data.")
    ] = None,
    set_: Assignments = None,
    json: Json = False,
) -> int:
    """Carry out an ablation: a grid of settings with seeds, as means with intervals.

    NAME is a study that comes with vaestro or a YAML file; without it they are listed. The same
    command, or `vaestro study --out DIR` alone, goes on with a study that was stopped.
    """
    edits = ([f"data.path={quoted(data)}"] if data else []) + (set_ or [])
    if name is None and (quick or seeds or edits):
        raise RecipeError("--quick, --seeds, --data and --set say which study it is; give its NAME")
    if name is None and out is None:
        return _listing(json)
    asked = None if name is None else _asked(name, quick, seeds, edits)
    if out is None:
        raise RecipeError(f"--out is missing; give the study's folder: --out studies/{name}")
    display = TerminalSweep()
    try:
        told = carry_out(asked, out, Wanted(workers, storage, LEASE_SECONDS), display)
    finally:
        display.close()
    kept = stored_study(out)
    print_cells(display.console, cells_in(out, kept), kept.figures)
    finish(told, f"{told['sentence']}\nreport: {out / 'report.html'}", json)
    return 0 if told["status"] == "finished" else 1


def _asked(name: str, quick: bool, seeds: int | None, edits: list[str]) -> StudyConfig:
    """The study of that name as the options change it."""
    read = read_study(name)
    asked = read.shortened() if quick else read
    changes = {"edits": (*asked.edits, *edits)} | ({} if seeds is None else {"seeds": seeds})
    return asked.model_copy(update=changes)


def _listing(json: bool) -> int:
    studies = [read_study(name) for name in named()]
    rows = [{"name": one.name, "question": one.question, "recipe": one.recipe} for one in studies]
    width = max(len(one.name) for one in studies)
    finish({"studies": rows}, "\n".join(f"{s.name:<{width}}  {s.question}" for s in studies), json)
    return 0
