"""What a data set looks like before anything is trained.

Shape letters: N samples, * the sample's axes.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from vaestro.data.dataset import DataSet
from vaestro.data.rows import CHUNK_BYTES


class Moments(NamedTuple):
    """Of every element (*), in 64 bits: mean, variance (1/N), minimum and maximum."""

    mean: np.ndarray
    variance: np.ndarray
    low: np.ndarray
    high: np.ndarray


def describe(data: DataSet) -> dict[str, Any]:
    """Facts about every sample, in natural units; errors are squared, per element and summed.

    zero_predictor: predicts 0 everywhere; mean_predictor: the mean sample. `_error` is the mean
    over a sample's elements, `_sum` the sum over them, both averaged over the samples.
    """
    found = moments(data)
    second = found.variance + found.mean**2
    spec = data.spec
    return {
        "name": data.name,
        "domain": spec.domain,
        "samples": len(data.values),
        "shape": list(spec.shape),
        "elements": spec.elements,
        "stored_as": str(data.values.dtype),
        "values": spec.values,
        "levels": spec.levels,
        "minimum": float(found.low.min()),
        "maximum": float(found.high.max()),
        "mean": float(found.mean.mean()),
        "std": float(np.sqrt(found.variance.mean() + found.mean.var())),
        "constant_elements": int((found.low == found.high).sum()),
        "zero_predictor_error": float(second.mean()),
        "mean_predictor_error": float(found.variance.mean()),
        "zero_predictor_sum": float(second.sum()),
        "mean_predictor_sum": float(found.variance.sum()),
        "official_validation": _size(data.official_validation),
        "official_test": _size(data.official_test),
        "groups": None if data.groups is None else len(np.unique(data.groups)),
        "labels": _label_counts(data),
        "covariates": {name: _spread(column) for name, column in data.covariates.items()},
        "names": None if spec.names is None else list(spec.names),
        "voxel_sizes": None if spec.frame is None else list(spec.frame.voxel_sizes),
        "unit": None if spec.frame is None else spec.frame.unit,
        "notes": list(data.notes),
    }


def moments(data: DataSet) -> Moments:
    """The moments of every element, measured from the first sample on, so that a large common
    offset costs no digits; a bounded piece of the data is held at a time."""
    first = data.natural(slice(0, 1))[0].astype(np.float64)
    low, high = first.copy(), first.copy()
    sums, squares = np.zeros_like(first), np.zeros_like(first)
    for x in _pieces(data):
        np.minimum(low, x.min(0), out=low)
        np.maximum(high, x.max(0), out=high)
        x -= first
        sums += x.sum(0)
        squares += np.square(x, out=x).sum(0)
    shift = sums / len(data.values)
    variance = np.maximum(squares / len(data.values) - shift**2, 0)
    return Moments(first + shift, variance, low, high)


def _pieces(data: DataSet) -> Iterator[np.ndarray]:
    """Every sample in natural units as float64, some at a time."""
    size = max(1, CHUNK_BYTES // (8 * data.spec.elements))
    for start in range(0, len(data.values), size):
        yield data.natural(slice(start, start + size)).astype(np.float64)


def _size(numbers: np.ndarray | None) -> int | None:
    return None if numbers is None else len(numbers)


def _label_counts(data: DataSet) -> dict[str, int] | None:
    if data.labels is None:
        return None
    names = data.spec.label_names
    found, counts = np.unique(data.labels, return_counts=True)
    return {
        names[label] if names else str(label): int(count)
        for label, count in zip(found, counts, strict=True)
    }


def _spread(column: np.ndarray) -> dict[str, float]:
    wide = column.astype(np.float64)
    return {
        "minimum": float(wide.min()),
        "mean": float(wide.mean()),
        "std": float(wide.std()),
        "maximum": float(wide.max()),
    }
