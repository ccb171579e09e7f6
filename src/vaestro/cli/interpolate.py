"""vaestro interpolate"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators

from vaestro.cli.output import AT_LEAST_ONE, Json, Out, finish, require_parent
from vaestro.data.writing import write_rows
from vaestro.experiments.run import load
from vaestro.foundation.errors import DataError
from vaestro.generation.traversals import interpolate as walk


def interpolate(
    run: Path,
    /,
    *,
    out: Out,
    split: Annotated[str, Parameter(help="train, validation or test.")] = "test",
    n: Annotated[int, Parameter(help="How many pairs, one a row.", validator=AT_LEAST_ONE)] = 8,
    steps: Annotated[
        int,
        Parameter(help="Pictures a row, both ends included.", validator=validators.Number(gte=2)),
    ] = 8,
    json: Json = False,
) -> None:
    """Write straight lines through the latent space between pairs of held-out samples.

    A conditional model is told the condition of the first of each pair, all along its line.
    """
    require_parent(out)
    loaded = load(run)
    held = loaded.encode(split)
    means = held.mean
    if len(means) < 2 * n:
        raise DataError(
            f"--n {n} needs {2 * n} samples and the {split} split has {len(means)}; "
            f"give at most --n {len(means) // 2}"
        )
    told = held.given.part(slice(n))
    samples = walk(loaded.vae, means[:n], means[n : 2 * n], steps, told)
    write_rows(out, samples.numpy(), loaded.spec)
    record = {"run": str(run), "out": str(out), "n": n, "steps": steps}
    finish(record, f"{n} interpolations of {steps} steps in {out}", json)
