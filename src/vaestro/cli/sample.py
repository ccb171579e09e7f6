"""vaestro sample"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vaestro.cli.output import AT_LEAST_ONE, Json, Out, finish, require_parent
from vaestro.data.writing import write_samples
from vaestro.experiments.run import load


def sample(
    run: Path,
    /,
    *,
    out: Out,
    n: Annotated[int, Parameter(help="How many samples.", validator=AT_LEAST_ONE)] = 64,
    seed: Annotated[int, Parameter(help="The same seed gives the same samples.")] = 0,
    noise: Annotated[
        bool, Parameter(negative="", help="Draw from p(x|z) instead of writing its mean.")
    ] = False,
    json: Json = False,
) -> None:
    """Write samples from the prior to a file."""
    require_parent(out)
    loaded = load(run)
    write_samples(out, loaded.sample(n, seed, noise), loaded.spec)
    finish({"run": str(run), "out": str(out), "n": n, "seed": seed}, f"{n} samples in {out}", json)
