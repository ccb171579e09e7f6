"""What there is to train on, and what a data set looks like before anything is trained."""

from pathlib import Path
from typing import Any

import numpy as np

from vaestro.data.arrays import ENDINGS, ArraysConfig
from vaestro.data.dataset import DataSet
from vaestro.data.idx import IdxConfig
from vaestro.data.source import Source
from vaestro.foundation.errors import DataError

CHUNK = 4096


def listing() -> list[dict[str, Any]]:
    """The data kinds: which are embedded, and which files the others read."""
    return [
        {
            "name": "digits",
            "embedded": True,
            "about": "1,797 handwritten digits, 1x8x8, 17 grey levels, with labels; no file needed",
        },
        {
            "name": "idx",
            "embedded": False,
            "about": "a folder of the MNIST family (train-images-idx3-ubyte, ...), gz or raw",
        },
        {
            "name": "arrays",
            "embedded": False,
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
    if "idx" in path.name:
        return IdxConfig(path=str(path))
    raise DataError(
        f"{path} is neither a known data set nor a file that is read; legal: digits, a recipe, a "
        "folder of idx files, or a .npz, .npy, .csv or idx file"
    )


def describe(data: DataSet) -> dict[str, Any]:
    """Facts about every sample, in natural units; errors are squared, per element and summed."""
    sums = np.zeros(data.values.shape[1:], np.float64)
    squares = np.zeros_like(sums)
    low, high = np.inf, -np.inf
    for start in range(0, len(data.values), CHUNK):
        x = data.natural(slice(start, start + CHUNK)).astype(np.float64)
        sums += x.sum(0)
        squares += np.square(x).sum(0)
        low, high = min(low, float(x.min())), max(high, float(x.max()))
    count, elements = len(data.values), data.spec.elements
    mean, second = sums / count, squares / count
    variance = np.maximum(second - mean**2, 0)
    total = float(mean.mean())
    return {
        "name": data.name,
        "samples": count,
        "shape": list(data.spec.shape),
        "elements": elements,
        "stored_as": str(data.values.dtype),
        "values": data.spec.values,
        "levels": data.spec.levels,
        "minimum": low,
        "maximum": high,
        "mean": total,
        "std": float(np.sqrt(max(0.0, float(second.mean()) - total**2))),
        "constant_elements": int((variance == 0).sum()),
        "zero_predictor_error": float(second.mean()),
        "mean_predictor_error": float(variance.mean()),
        "zero_predictor_sum": float(second.sum()),
        "mean_predictor_sum": float(variance.sum()),
        "official_test": None if data.official_test is None else len(data.official_test),
        "labels": _label_counts(data),
    }


def _label_counts(data: DataSet) -> dict[str, int] | None:
    if data.labels is None:
        return None
    names, counts = np.unique(data.labels, return_counts=True)
    return {str(n): int(c) for n, c in zip(names, counts, strict=True)}
