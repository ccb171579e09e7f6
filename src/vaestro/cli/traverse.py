"""vaestro traverse"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vaestro.cli.output import Json, Out, finish, require_parent
from vaestro.data.writing import write_rows
from vaestro.experiments.run import load
from vaestro.foundation.errors import DataError
from vaestro.generation.traversals import by_kl
from vaestro.generation.traversals import traverse as walk


def traverse(
    run: Path,
    /,
    *,
    out: Out,
    dims: Annotated[
        list[int] | None,
        Parameter(negative="", help="Latent dimensions; largest KL first if left out."),
    ] = None,
    json: Json = False,
) -> None:
    """Write what each latent dimension does: one row a dimension, -3 to 3 standard deviations."""
    require_parent(out)
    loaded = load(run)
    latent = loaded.vae.latent
    wrong = [d for d in dims or [] if not 0 <= d < latent]
    if wrong:
        raise DataError(f"--dims {wrong[0]}: the model has latent dimensions 0 to {latent - 1}")
    encoded = loaded.encode("validation")
    spread = encoded.kl if loaded.vae.head.stochastic else encoded.mean.var(0, keepdim=True)
    chosen = dims or by_kl(spread.mean(0), min(10, latent))
    result = walk(loaded.vae, chosen)
    write_rows(out, result.samples.numpy(), loaded.spec)
    record = {
        "run": str(run),
        "out": str(out),
        "dimensions": chosen,
        "kl": [float(encoded.kl.mean(0)[d]) for d in chosen],
        "values": result.values.tolist(),
    }
    shown = ", ".join(map(str, chosen))
    finish(record, f"latent dimensions {shown} (one a row, values -3 to 3) in {out}", json)
