"""vaestro export"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vaestro.cli.output import Json, finish
from vaestro.sweeps import export as exporting
from vaestro.sweeps.stored import read_sweep


def export(
    sweep: Path,
    /,
    *,
    out: Annotated[
        str, Parameter(help=f"What to write; its ending is the format: {exporting.LEGAL}.")
    ],
    json: Json = False,
) -> None:
    """Write a sweep's trials for other tools: settings, figures and how each ended."""
    found = read_sweep(sweep)
    path = exporting.export(found.definition, found.trials, out)
    ended = sum(trial.state != "waiting" for trial in found.trials)
    record = {"sweep": str(sweep), "out": str(path), "trials": ended}
    finish(record, f"{ended} trials: {path}", json)
