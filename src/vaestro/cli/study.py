"""vaestro study"""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from vaestro.cli.log_progress import TerminalLog
from vaestro.cli.output import AT_LEAST_ONE, Assignments, Json, finish
from vaestro.cli.study_table import print_cells
from vaestro.cli.sweep_progress import TerminalSweep
from vaestro.experiments.recipe import quoted
from vaestro.foundation.errors import RecipeError
from vaestro.studies.config import StudyConfig, named, read_study
from vaestro.studies.keeping import stored_study
from vaestro.studies.logs import catalogue
from vaestro.studies.logs.carry import carry_out_log, go_on
from vaestro.studies.logs.kept import holds_log
from vaestro.studies.study import carry_out, cells_in
from vaestro.sweeps.forked import may_fork
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

    NAME is a study that comes with vaestro or a YAML file; without it they are listed. log-000 to
    log-004 repeat the experiments of five logs and check what they claim: 2 to 9 minutes of one
    core each with --quick, about an hour each without. The same command, or `vaestro study --out
    DIR` alone, goes on with a study that was stopped.
    """
    edits = ([f"data.path={quoted(data)}"] if data else []) + (set_ or [])
    if name is None and (quick or seeds or edits):
        raise RecipeError("--quick, --seeds, --data and --set say which study it is; give its NAME")
    if name is None and out is None:
        return _listing(json)
    if name in catalogue.NAMES or (name is None and out is not None and holds_log(out)):
        if seeds or set_ or storage or workers > 1:
            raise RecipeError("a log's study takes --out, --quick and --data; leave the others out")
        return _of_log(name, out, quick, data, json)
    asked = None if name is None else _asked(name, quick, seeds, edits)
    if out is None:
        raise RecipeError(f"--out is missing; give the study's folder: --out studies/{name}")
    display = TerminalSweep()
    try:
        wanted = Wanted(workers, storage, LEASE_SECONDS, fork=may_fork())
        told = carry_out(asked, out, wanted, display)
    finally:
        display.close()
    kept = stored_study(out)
    print_cells(display.console, cells_in(out, kept), kept.figures)
    finish(told, f"{told['sentence']}\nreport: {out / 'report.html'}", json)
    return 0 if told["status"] == "finished" else 1


def _of_log(name: str | None, out: Path | None, quick: bool, data: Path | None, json: bool) -> int:
    if out is None:
        raise RecipeError(f"--out is missing; give the study's folder: --out studies/{name}")
    display = TerminalLog()
    try:
        if name is None:
            told = go_on(out, display)
        else:
            told = carry_out_log(catalogue.read_log(name), out, quick, data, display)
    finally:
        display.close()
    lines = [_said(claim) for claim in told["claims"]]
    finish(told, "\n".join([*lines, told["sentence"], f"report: {out / 'report.html'}"]), json)
    hold = all(claim["holds"] for claim in told["claims"])
    return 0 if told["status"] == "finished" and hold else 1


def _said(claim: dict[str, Any]) -> str:
    """What the log said, and what was measured."""
    word = "shown" if claim["holds"] else "NOT SHOWN"
    return f"{word}: “{claim['said']}”\n  {claim['measured']}\n  {claim['cause']}"


def _asked(name: str, quick: bool, seeds: int | None, edits: list[str]) -> StudyConfig:
    """The study of that name as the options change it."""
    read = read_study(name)
    asked = read.shortened() if quick else read
    changes = {"edits": (*asked.edits, *edits)} | ({} if seeds is None else {"seeds": seeds})
    return asked.model_copy(update=changes)


def _listing(json: bool) -> int:
    studies = [read_study(name) for name in named()]
    rows: list[dict[str, Any]] = [
        {"name": one.name, "question": one.question, "recipe": one.recipe} for one in studies
    ]
    logs = [catalogue.read_log(name) for name in catalogue.NAMES]
    rows += [{"name": one.name, "question": one.question, "recipe": None} for one in logs]
    width = max(len(row["name"]) for row in rows)
    prose = "\n".join(f"{row['name']:<{width}}  {row['question']}" for row in rows)
    finish({"studies": rows}, prose, json)
    return 0
