"""What there is to train on, and what a data set looks like before anything is trained.

Shape letters: N samples, * the sample's axes.
"""

from pathlib import Path
from typing import Any

import numpy as np

from vaestro.data.arrays import ENDINGS, ArraysConfig
from vaestro.data.dataset import DataSet
from vaestro.data.idx import IdxConfig, is_idx
from vaestro.data.source import Source
from vaestro.foundation.errors import DataError

CHUNK = 4096


def listing() -> list[dict[str, Any]]:
    """The data sources: which are embedded, and which files the others read.

    `shape` and `samples` are None where the file decides.
    """
    return [
        {
            "name": "digits",
            "kind": "digits",
            "embedded": True,
            "shape": [1, 8, 8],
            "samples": 1797,
            "about": "1,797 handwritten digits, 1x8x8, 17 grey levels, with labels; no file needed",
        },
        {
            "name": "idx",
            "kind": "idx",
            "embedded": False,
            "shape": None,
            "samples": None,
            "about": "a folder of the MNIST family (train-images-idx3-ubyte, ...), gz or raw",
        },
        {
            "name": "arrays",
            "kind": "arrays",
            "embedded": False,
            "shape": None,
            "samples": None,
            "about": ".npz, .npy or .csv of numbers, gz or raw; bit-packed with packed_columns",
        },
    ]


def guess_source(path: Path) -> Source:
    """The source that reads `path`. Raises DataError when nothing here does."""
    if path.is_dir():
        if any("idx3" in p.name for p in path.iterdir()):
            return IdxConfig(path=str(path))
        raise DataError(
            f"{path} is a folder without idx files (train-images-idx3-ubyte, ...); "
            "legal: such a folder, or one .npz, .npy, .csv or idx file"
        )
    if Path(path.name.removesuffix(".gz")).suffix in ENDINGS:
        return ArraysConfig(path=str(path))
    if "idx" in path.name or (path.is_file() and is_idx(path)):
        return IdxConfig(path=str(path))
    raise DataError(
        f"{path} is neither a known data set nor a file that is read; legal: digits, a recipe, a "
        "folder of idx files, or a .npz, .npy, .csv or idx file"
    )


def describe(data: DataSet) -> dict[str, Any]:
    """Facts about every sample, in natural units; errors are squared, per element and summed.

    zero_predictor: predicts 0 everywhere; mean_predictor: the mean sample. `_error` is the mean
    over a sample's elements, `_sum` the sum over them, both averaged over the samples.
    """
    mean, variance, low, high = _moments(data)
    second = variance + mean**2
    return {
        "name": data.name,
        "samples": len(data.values),
        "shape": list(data.spec.shape),
        "elements": data.spec.elements,
        "stored_as": str(data.values.dtype),
        "values": data.spec.values,
        "levels": data.spec.levels,
        "minimum": float(low.min()),
        "maximum": float(high.max()),
        "mean": float(mean.mean()),
        "std": float(np.sqrt(variance.mean() + mean.var())),
        "constant_elements": int((low == high).sum()),
        "zero_predictor_error": float(second.mean()),
        "mean_predictor_error": float(variance.mean()),
        "zero_predictor_sum": float(second.sum()),
        "mean_predictor_sum": float(variance.sum()),
        "official_test": None if data.official_test is None else len(data.official_test),
        "labels": _label_counts(data),
    }


def _moments(data: DataSet) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Mean, variance (1/N), minimum and maximum of every element: four arrays (*), 64 bits.

    Measured from the first sample on, so that a large common offset costs no digits.
    """
    first = data.natural(slice(0, 1))[0].astype(np.float64)
    low, high = first.copy(), first.copy()
    sums, squares = np.zeros_like(first), np.zeros_like(first)
    for start in range(0, len(data.values), CHUNK):
        x = data.natural(slice(start, start + CHUNK)).astype(np.float64)
        np.minimum(low, x.min(0), out=low)
        np.maximum(high, x.max(0), out=high)
        x -= first
        sums += x.sum(0)
        squares += np.square(x, out=x).sum(0)
    shift = sums / len(data.values)
    return first + shift, np.maximum(squares / len(data.values) - shift**2, 0), low, high


def _label_counts(data: DataSet) -> dict[str, int] | None:
    if data.labels is None:
        return None
    names, counts = np.unique(data.labels, return_counts=True)
    return {str(n): int(c) for n, c in zip(names, counts, strict=True)}
