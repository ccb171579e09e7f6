"""The held-out codes that a run left in snapshots/final.npz, read without pickle and within bounds.

Letters: N held-out samples, K latents, S shown samples, * the sample's axes.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vaestro.foundation.errors import DataError

MOST_BYTES = 512 * 1024 * 1024
"""An array that says it is larger is not read."""


@dataclass(frozen=True)
class Codes:
    """means: (N, K), finite; labels: (N,) or None; covariate: (N,) of the data's first one, or
    None where it is not known or not finite; kl: (K,) mean nats per dimension, or None; originals:
    (S, *), natural, or None."""

    means: NDArray[np.float64]
    labels: NDArray[np.int64] | None
    covariate: NDArray[np.float64] | None
    kl: NDArray[np.float64] | None
    originals: NDArray[np.float32] | None


def read_codes(path: Path, latent: int) -> Codes:
    """What `path` holds of a model of `latent` dimensions; codes with NaN or infinite numbers are
    left out. Raises DataError in one line when it is missing, damaged or of another model."""
    if not path.is_file():
        raise DataError("the run left no snapshots/final.npz, so there is no map of held-out codes")
    arrays = _arrays(path)
    means = arrays.get("latent")
    if means is None or means.ndim != 2 or means.shape[1] != latent:
        raise DataError(f"snapshots/final.npz holds no codes of {latent} dimensions")
    kept = np.isfinite(means).all(1)
    if not kept.any():
        raise DataError("no held-out code is finite, so there is no map of them")
    labels, covariate = (
        _beside(arrays.get(name), kept) for name in ("latent_labels", "latent_covariate")
    )
    if covariate is not None and not np.isfinite(covariate).all():
        covariate = None
    kl, originals = arrays.get("kl_per_dimension"), arrays.get("validation_original")
    return Codes(
        means[kept].astype(np.float64),
        None if labels is None else labels.astype(np.int64),
        None if covariate is None else covariate.astype(np.float64),
        np.nan_to_num(kl.astype(np.float64)) if kl is not None and kl.shape == (latent,) else None,
        None if originals is None else originals.astype(np.float32),
    )


READ = ("latent", "latent_labels", "latent_covariate", "kl_per_dimension", "validation_original")


def _arrays(path: Path) -> dict[str, NDArray[np.generic]]:
    """Those of READ that are there and are numbers."""
    damaged = DataError("snapshots/final.npz is damaged; there is no map of held-out codes")
    try:
        with zipfile.ZipFile(path) as packed:
            sizes = {entry.filename: entry.file_size for entry in packed.infolist()}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        raise damaged from None
    if sum(sizes.get(f"{name}.npy", 0) for name in READ) > MOST_BYTES:
        raise DataError(f"snapshots/final.npz says that it holds over {MOST_BYTES >> 20} MiB")
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            found = {name: file[name] for name in READ if name in file.files}
    except (OSError, ValueError, EOFError, KeyError, MemoryError, zipfile.BadZipFile):
        raise damaged from None
    return {name: array for name, array in found.items() if array.dtype.kind in "fiub"}


def _beside(
    column: NDArray[np.generic] | None, kept: NDArray[np.bool_]
) -> NDArray[np.generic] | None:
    """A column of the codes that are kept, if it belongs to them."""
    return None if column is None or column.shape != kept.shape else column[kept]
