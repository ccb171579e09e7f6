"""vaestro forecast"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from vaestro.cli.forecast_page import page
from vaestro.cli.output import Assignments, Json, finish
from vaestro.experiments.forecasting.face import forecast as forecast_of
from vaestro.experiments.requested_recipe import chosen


def forecast(
    recipe: str | None = None,
    /,
    *,
    data: Annotated[
        Path | None,
        Parameter(help="A file or folder of yours in place of the recipe's data."),
    ] = None,
    probe: Annotated[
        bool,
        Parameter(negative="", help="Let a copy of the run take its first steps, for seconds."),
    ] = False,
    set_: Assignments = None,
    json: Json = False,
) -> None:
    """Tell from the data and the recipe alone whether a run can work, and why. Nothing is kept.

    RECIPE is a built-in name (see `vaestro recipes`) or a YAML file; digits when left out, and
    with --data the recipe for that kind of data.
    """
    told = forecast_of(chosen(recipe, data, set_), probe=probe, timed=True)
    if json:
        finish(told.as_json(), told.sentence, True)
        return
    console = Console(highlight=False)
    console.print(page(told), soft_wrap=not console.is_terminal)
