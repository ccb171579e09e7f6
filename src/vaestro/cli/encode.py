"""vaestro encode"""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter

from vaestro.cli.new_samples import instead
from vaestro.cli.output import Json, Out, finish, require_parent
from vaestro.experiments.run import load
from vaestro.foundation.errors import DataError
from vaestro.foundation.files import new_file


def encode(
    run: Path,
    /,
    *,
    out: Out,
    split: Annotated[str, Parameter(help="train, validation or test.")] = "test",
    data: Annotated[Path | None, Parameter(help="A file of samples instead of a split.")] = None,
    json: Json = False,
) -> None:
    """Write latents to an .npz file: mean, log_variance, kl (all samples x latents), labels
    with their names, and covariate_NAME for each covariate that the data have."""
    if out.suffix != ".npz":
        raise DataError(f"--out {out}: latents are written as .npz; give a name that ends so")
    require_parent(out)
    loaded = load(run)
    new = instead(loaded, data)
    encoded = loaded.encode(split, **new)
    tensors = {
        "mean": encoded.mean,
        "log_variance": encoded.log_variance,
        "kl": encoded.kl,
        "labels": encoded.labels,
    }
    arrays: dict[str, Any] = {n: t.numpy() for n, t in tensors.items() if t is not None}
    covariates = new["covariates"] if new else loaded.covariates(split)
    arrays |= {f"covariate_{name}": column for name, column in covariates.items()}
    if loaded.spec.label_names is not None:
        arrays["label_names"] = np.array(loaded.spec.label_names)
    with new_file(out) as staging:
        np.savez_compressed(staging, allow_pickle=False, **arrays)
    record = {"run": str(run), "out": str(out), "n": len(encoded.mean), "latent": loaded.vae.latent}
    finish(record, f"{record['n']} latents of {record['latent']} dimensions in {out}", json)
