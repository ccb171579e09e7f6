"""vaestro reconstruct"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vaestro.cli.new_samples import instead
from vaestro.cli.output import AT_LEAST_ONE, Json, Out, finish, require_parent
from vaestro.data.writing import write_pairs
from vaestro.experiments.run import load


def reconstruct(
    run: Path,
    /,
    *,
    out: Out,
    split: Annotated[str, Parameter(help="train, validation or test.")] = "test",
    data: Annotated[Path | None, Parameter(help="A file of samples instead of a split.")] = None,
    n: Annotated[int, Parameter(help="How many samples.", validator=AT_LEAST_ONE)] = 64,
    json: Json = False,
) -> None:
    """Write originals and their reconstructions (through the posterior mean) to a file."""
    require_parent(out)
    loaded = load(run)
    originals, copies = loaded.reconstruct(split, most=n, **instead(loaded, data))
    write_pairs(out, originals, copies, loaded.spec)
    mse = float(((originals - copies) ** 2).mean())
    record = {"run": str(run), "out": str(out), "n": len(originals), "mse": mse}
    finish(record, f"{len(originals)} pairs in {out}, mse {mse:.6g} per element", json)
