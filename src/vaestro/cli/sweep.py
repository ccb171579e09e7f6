"""vaestro sweep"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators

from vaestro.cli.output import AT_LEAST_ONE, Json, finish
from vaestro.cli.sweep_options import Options
from vaestro.cli.sweep_progress import TerminalSweep
from vaestro.foundation.errors import RecipeError
from vaestro.sweeps.forked import may_fork
from vaestro.sweeps.sweep import Wanted
from vaestro.sweeps.sweep import sweep as carried_out
from vaestro.sweeps.worker import LEASE_SECONDS


def sweep(
    recipe: str | None = None,
    /,
    *,
    out: Annotated[Path, Parameter(help="The sweep's folder; that of an earlier one goes on.")],
    trials: Annotated[
        int | None, Parameter(help="Settings to try; a grid has its own number.")
    ] = None,
    options: Annotated[Options, Parameter(name="*")] = Options(),  # noqa: B008  (frozen)
    workers: Annotated[int, Parameter(help="Processes.", validator=AT_LEAST_ONE)] = 1,
    storage: Annotated[
        str | None, Parameter(help="The ledger: postgresql://...; a file in --out when left out.")
    ] = None,
    lease_seconds: Annotated[
        float,
        Parameter(
            help="A batch without progress for so long is taken over.",
            validator=validators.Number(gt=0),
        ),
    ] = LEASE_SECONDS,
    ray: Annotated[
        str | None, Parameter(help="Workers are actors of the Ray cluster at this address.")
    ] = None,
    gpus: Annotated[
        float, Parameter(help="With --ray: the share of a GPU that a worker takes.")
    ] = 0.0,
    copy_to: Annotated[
        str | None,
        Parameter(help="Run folders of trials that have ended are copied to this folder or URL."),
    ] = None,
    json: Json = False,
) -> int:
    """Search recipes: many settings of one recipe, trained as populations, none lost.

    RECIPE is a built-in name (see `vaestro recipes`) or a YAML file; digits when left out. The same
    command, or `vaestro sweep --out DIR` alone, goes on with a sweep that was stopped, and a larger
    --trials makes it longer.
    """
    if gpus and ray is None:
        raise RecipeError("--gpus is of --ray; on this machine training.device decides")
    definition = options.definition(recipe, trials, out)
    display = TerminalSweep()
    try:
        asked = Wanted(workers, storage, lease_seconds, ray, gpus, may_fork(), copy_to)
        summary = carried_out(definition, trials, out, asked, display)
    finally:
        display.close()
    display.table(summary)
    finish(summary, f"{summary['sentence']}\nreport: {out / 'report.html'}", json)
    return 0 if summary["status"] == "finished" else 1
