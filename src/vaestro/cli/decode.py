"""vaestro decode"""

from pathlib import Path

import numpy as np

from vaestro.cli.output import Json, Out, finish, require_parent
from vaestro.data.writing import write_samples
from vaestro.experiments.run import load
from vaestro.foundation.errors import DataError


def decode(run: Path, latents: Path, /, *, out: Out, json: Json = False) -> None:
    """Write the samples that latents stand for. LATENTS is an .npz with `mean`, or an .npy."""
    require_parent(out)
    loaded = load(run)
    samples = loaded.decode(_read(latents))
    write_samples(out, samples, loaded.spec)
    record = {"run": str(run), "out": str(out), "n": len(samples)}
    finish(record, f"{len(samples)} samples in {out}", json)


def _read(path: Path) -> np.ndarray:
    """Latents (N, K). Raises DataError when the file is missing or holds none."""
    try:
        stored = np.load(path, allow_pickle=False)
        if isinstance(stored, np.ndarray):
            values = stored
        else:
            with stored:
                values = stored["mean"]
    except KeyError:
        raise DataError(
            f"{path} has no array named mean; give what `vaestro encode` wrote"
        ) from None
    except (OSError, ValueError) as fault:
        raise DataError(f"{path} cannot be read as .npz or .npy: {fault}") from None
    if not np.isfinite(values).all():
        raise DataError(f"{path} holds latents that are not finite")
    return np.asarray(values, dtype=np.float32)
