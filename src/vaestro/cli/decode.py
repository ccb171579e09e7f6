"""vaestro decode

Shape letters: N samples, K latents.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vaestro.cli.output import Json, Out, finish, require_parent
from vaestro.data.writing import write_samples
from vaestro.experiments.run import load
from vaestro.foundation.errors import DataError

COVARIATE = "covariate_"
"""How `vaestro encode` begins the names of covariates."""


class _Latents(NamedTuple):
    """mean: (N, K); labels: (N,) or None; covariates: (N,) each, by name."""

    mean: np.ndarray
    labels: np.ndarray | None
    covariates: dict[str, np.ndarray]


def decode(run: Path, latents: Path, /, *, out: Out, json: Json = False) -> None:
    """Write the samples that latents stand for. LATENTS is an .npz with `mean`, or an .npy; a
    conditional model is told the `labels` and the covariate_NAME that stand beside."""
    require_parent(out)
    loaded = load(run)
    samples = loaded.decode(*_read(latents))
    write_samples(out, samples, loaded.spec)
    record = {"run": str(run), "out": str(out), "n": len(samples)}
    finish(record, f"{len(samples)} samples in {out}", json)


def _read(path: Path) -> _Latents:
    """Latents with what stands beside. Raises DataError when the file is missing or has none."""
    try:
        stored = np.load(path, allow_pickle=False)
        if isinstance(stored, np.ndarray):
            found = _Latents(stored, None, {})
        else:
            with stored:
                found = _beside(stored)
    except KeyError:
        raise DataError(
            f"{path} has no array named mean; give what `vaestro encode` wrote"
        ) from None
    except (OSError, ValueError) as fault:
        raise DataError(f"{path} cannot be read as .npz or .npy: {fault}") from None
    if not np.isfinite(found.mean).all():
        raise DataError(f"{path} holds latents that are not finite")
    return found._replace(mean=np.asarray(found.mean, dtype=np.float32))


def _beside(stored: Any) -> _Latents:
    """What an open .npz holds; labels by their names where it has those."""
    labels, called = stored.get("labels"), stored.get("label_names")
    if labels is not None and called is not None and labels.max(initial=0) < len(called):
        labels = called[labels]
    named = [name for name in stored if name.startswith(COVARIATE)]
    covariates = {name.removeprefix(COVARIATE): stored[name] for name in named}
    return _Latents(stored["mean"], labels, covariates)
