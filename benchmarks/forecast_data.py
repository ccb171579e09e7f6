"""The data sets of the forecast's grid, and the eigenvalues that their forecast rests on.

Small ones, so that a run takes a second or two: at most MOST_SAMPLES samples, pictures and volumes
averaged over blocks. Letters: N samples, D elements.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from vaestro.data.arrays import from_array
from vaestro.data.dataset import DataSet
from vaestro.data.source import load_data
from vaestro.experiments.recipe import Recipe

MOST_SAMPLES = 2000


def data_sets(folder: Path | None) -> dict[str, Callable[[], DataSet]]:
    """What can be loaded here, each with at most MOST_SAMPLES samples and some hundred elements."""
    embedded = {
        "digits": lambda: _thin("digits", {"kind": "digits"}),
        "digits-binary": lambda: _thin("digits-binary", {"kind": "digits"}, threshold=0.5),
        "bundles": lambda: _thin("bundles", {"kind": "bundles", "points": 32}),
        "sprites": lambda: _thin(
            "sprites",
            {"kind": "sprites", "size": 16, "scales": 3, "orientations": 10, "positions": 6},
        ),
    }
    if folder is None:
        return embedded
    files = {
        "mnist": ({"kind": "idx", "path": folder / "mnist"}, 2),
        "volumes": ({"kind": "arrays", "path": folder / "volumes/adrenalmnist3d.npz"}, 4),
        "omniglot": (
            {"kind": "pictures", "path": folder / "omniglot/images_background_small1.zip"},
            7,
        ),
        "streamlines": (
            {"kind": "streamlines", "path": folder / "streamlines/minimal_bundles", "points": 20},
            1,
        ),
    }
    for name, (source, pool) in files.items():
        if Path(str(source["path"])).exists():
            embedded[name] = lambda n=name, s=source, p=pool: _thin(n, s, p)  # type: ignore[misc]
    return embedded


def _thin(
    name: str, source: dict[str, Any], pool: int = 1, threshold: float | None = None
) -> DataSet:
    """Evenly thinned, averaged over blocks of `pool` an axis, standardised where in millimetres."""
    plain = {key: str(v) if isinstance(v, Path) else v for key, v in source.items()}
    whole = load_data(Recipe.parse({"data": plain}).data)
    every = np.linspace(0, len(whole.values) - 1, min(MOST_SAMPLES, len(whole.values))).astype(int)
    x = np.stack([whole.natural(slice(i, i + 1))[0] for i in every]).astype(np.float64)
    for axis in range(2, x.ndim) if pool > 1 else ():
        kept = x.shape[axis] // pool
        x = np.take(x, np.arange(kept * pool), axis=axis)
        x = x.reshape(*x.shape[:axis], kept, pool, *x.shape[axis + 1 :]).mean(axis + 1)
    if whole.spec.domain == "streamline":
        x = x - x.mean((0, 2), keepdims=True)
        x = x / x.std()
    if threshold is not None:
        x = (x > threshold).astype(np.uint8)
    kind = "binary" if set(np.unique(x)) <= {0, 1} else whole.spec.values
    kind = "unit" if pool > 1 else kind
    flat = x.reshape(len(x), -1)
    return from_array(flat.astype(np.float32), name=name, values_kind=kind)


def scores(x: np.ndarray, likelihood: str) -> np.ndarray:
    """The whitened scores (N, D) at the best constant output: M is their covariance."""
    centred = x - x.mean(0)
    if likelihood == "bernoulli":
        varying = (x.mean(0) > 0) & (x.mean(0) < 1)
        p = x.mean(0)[varying]
        centred = centred[:, varying] / np.sqrt(p * (1 - p))
    whitened: np.ndarray = centred / (centred.std() if likelihood == "optimal" else 1.0)
    return whitened


def eigenvalues(u: np.ndarray) -> np.ndarray:
    """The eigenvalues of M from the scores u (N, D), largest first."""
    values: np.ndarray = np.linalg.eigvalsh(u.T @ u / len(u))[::-1]
    return values


def largest_held_out(u: np.ndarray) -> float:
    """The largest variance in one half of the scores along the three leading directions of the
    other half, averaged over both ways: what lambda_1 is for samples that were not trained on."""
    order = np.random.default_rng(0).permutation(len(u))
    halves = u[order[::2]], u[order[1::2]]
    along = []
    for one, other in (halves, halves[::-1]):
        directions = np.linalg.eigh(one.T @ one)[1][:, -3:]
        along.append(float(((other @ directions) ** 2).mean(0).max()))
    return sum(along) / 2
