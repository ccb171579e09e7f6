"""vaestro sample"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vaestro.cli.output import AT_LEAST_ONE, Json, Out, finish, require_parent
from vaestro.data.writing import write_samples
from vaestro.experiments.asked import numbers_asked
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
    label: Annotated[
        str | None, Parameter(help="Of a model conditioned on labels: which, by name or number.")
    ] = None,
    covariate: Annotated[
        list[str] | None,
        Parameter(
            negative="", help="Of a model conditioned on covariates: a number, or NAME=NUMBER."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Write samples from the prior to a file.

    A conditional model that is not asked for anything draws conditions as its training data have
    them.
    """
    require_parent(out)
    loaded = load(run)
    asked = numbers_asked(covariate or [], loaded.vae)
    write_samples(out, loaded.sample(n, seed, noise, label, asked), loaded.spec)
    record = {"run": str(run), "out": str(out), "n": n, "seed": seed}
    record |= {"label": label, "covariates": asked}
    finish(record, f"{n} samples in {out}", json)
