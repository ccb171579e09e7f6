"""A checked data set in memory, in its storage type.

Shape letters: N samples, * the sample's axes.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vaestro.foundation.errors import DataError
from vaestro.foundation.files import new_file
from vaestro.foundation.samples import SampleSpec, ValueKind


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
    if values.ndim < 2:
        raise DataError(
            f"{name}: the array has shape {values.shape}; samples need shape (samples, elements) "
            "or (samples, channels, height, width)"
        )
    if len(values) < 2 or values[0].size == 0:
        raise DataError(
            f"{name}: {len(values)} samples of {values[0].size if len(values) else 0} elements; "
            "at least 2 samples of 1 element are needed"
        )
    _require_finite(name, values)
    if (values == values[:1]).all():
        raise DataError(
            f"{name}: every one of the {len(values)} samples is the same; "
            "there is nothing to learn: check the file and the key"
        )
    if labels is not None and labels.shape != (len(values),):
        raise DataError(
            f"{name}: {len(values)} samples and labels of shape {labels.shape}; "
            f"one whole-number label a sample is needed, shape ({len(values)},)"
        )
    spec = SampleSpec(tuple(values.shape[1:]), kind, scale, levels)
    whole = None if labels is None else _whole_labels(name, labels)
    return DataSet(name, np.ascontiguousarray(values), spec, whole, official_test)


def _require_finite(name: str, values: np.ndarray) -> None:
    if values.dtype.kind != "f":
        return
    bad = ~np.isfinite(values.reshape(len(values), -1)).all(1)
    if bad.any():
        raise DataError(
            f"{name}: {int(bad.sum())} of {len(values)} samples hold NaN or infinite numbers, "
            f"the first is sample {int(bad.argmax())}; remove or repair them"
        )


def _whole_labels(name: str, labels: np.ndarray) -> np.ndarray:
    if labels.dtype.kind not in "iub":
        raise DataError(f"{name}: labels are {labels.dtype}; whole numbers are needed")
    return labels.astype(np.int64)
