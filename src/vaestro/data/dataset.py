"""A checked data set in memory, in its storage type.

Shape letters: N samples, * the sample's axes.
"""

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from vaestro.foundation.errors import DataError
from vaestro.foundation.files import new_file
from vaestro.foundation.samples import SampleSpec, ValueKind

CHUNK = 4096


@dataclass(frozen=True)
class DataSet:
    """N samples with what their numbers mean. Make it with `checked`.

    values: (N, *), bytes kept as bytes; labels: (N,) int64 or None; official_test: the numbers of
    the samples that the data set's makers set aside, or None.
    """

    name: str
    values: np.ndarray
    spec: SampleSpec
    labels: np.ndarray | None = None
    official_test: np.ndarray | None = None

    def natural(self, indices: np.ndarray | slice) -> np.ndarray:
        """Samples in natural units, float32."""
        chosen: np.ndarray = self.values[indices].astype(np.float32) * np.float32(self.spec.scale)
        return chosen

    def write(self, path: Path) -> None:
        """Keep values and labels in an .npz that the arrays source reads back as this data set."""
        arrays: dict[str, Any] = {"values": self.values}
        if self.labels is not None:
            arrays["labels"] = self.labels
        with new_file(path) as staging:
            np.savez(staging, allow_pickle=False, **arrays)


def checked(
    name: str,
    values: np.ndarray,
    kind: ValueKind,
    *,
    scale: float = 1.0,
    levels: int | None = None,
    labels: np.ndarray | None = None,
    official_test: np.ndarray | None = None,
) -> DataSet:
    """A DataSet of `values` (N, *). Raises DataError in one line for data no VAE can learn from:
    fewer than two samples, NaN or infinite numbers, all samples equal, labels of another length.
    """
    require_samples(name, values)
    require_finite(name, values)
    _require_variety(name, values)
    if labels is not None and labels.shape != (len(values),):
        raise DataError(
            f"{name}: {len(values)} samples and labels of shape {labels.shape}; "
            f"one whole-number label a sample is needed, shape ({len(values)},)"
        )
    spec = SampleSpec(tuple(values.shape[1:]), kind, scale, levels)
    whole = None if labels is None else _whole_labels(name, labels)
    return DataSet(name, _own(values), spec, whole, official_test)


def require_samples(name: str, values: np.ndarray, least: int = 2) -> None:
    """Raise DataError unless `values` are at least `least` samples of at least one number."""
    if values.ndim < 2:
        raise DataError(
            f"{name}: the array has shape {values.shape}; samples need shape (samples, elements) "
            "or (samples, channels, height, width)"
        )
    elements = prod(values.shape[1:])
    if len(values) < least or elements == 0:
        raise DataError(
            f"{name}: {len(values)} samples of {elements} elements; "
            f"at least {least} {'sample' if least == 1 else 'samples'} of 1 element are needed"
        )


def require_finite(name: str, values: np.ndarray) -> None:
    """Raise DataError, with how many samples and which first, for NaN or infinite numbers."""
    if values.dtype.kind != "f" or np.isfinite([values.min(), values.max()]).all():
        return  # minimum and maximum carry any NaN, and need no memory
    bad = ~np.isfinite(values.reshape(len(values), -1)).all(1)
    raise DataError(
        f"{name}: {int(bad.sum())} of {len(values)} samples hold NaN or infinite numbers, "
        f"the first is sample {int(bad.argmax())}; remove or repair them"
    )


def _require_variety(name: str, values: np.ndarray) -> None:
    chunks = (values[start : start + CHUNK] for start in range(0, len(values), CHUNK))
    if not all((chunk == values[0]).all() for chunk in chunks):
        return
    low, high = values[0].min(), values[0].max()
    shown = f"{low:g}" if low == high else f"numbers from {low:g} to {high:g}"
    raise DataError(
        f"{name}: every one of the {len(values)} samples is the same ({shown}); "
        "there is nothing to learn: check the file and the key"
    )


def _own(values: np.ndarray) -> np.ndarray:
    """The same numbers in C order and writable, as torch wants them; copied only if need be."""
    return np.require(values, requirements=["C_CONTIGUOUS", "WRITEABLE"])


def _whole_labels(name: str, labels: np.ndarray) -> np.ndarray:
    """Labels as int64; whole numbers that a table or a DataFrame keeps as floats are accepted."""
    if labels.dtype.kind not in "iubf":
        raise DataError(f"{name}: labels are {labels.dtype}; whole numbers are needed")
    broken = ~np.isfinite(labels) | (labels != np.floor(labels))
    if broken.any():
        first = int(broken.argmax())
        raise DataError(
            f"{name}: label {first} is {labels[first]:g} and whole numbers are needed; "
            "a quantity that varies continuously is no label"
        )
    return labels.astype(np.int64)
