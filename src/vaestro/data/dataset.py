"""A checked data set: samples by number, in their storage type, with all that is known of them.

Shape letters: N samples, * the sample's axes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from vaestro.data.rows import Rows, chunks, in_memory
from vaestro.foundation.errors import DataError
from vaestro.foundation.files import new_file
from vaestro.foundation.samples import Frame, SampleSpec, ValueKind


@dataclass(frozen=True)
class DataSet:
    """N samples with what their numbers mean. Make it with `checked`.

    values: (N, *), bytes kept as bytes; labels: (N,) int64 or None; covariates: continuous
    quantities by name, each (N,) float32; official_test, official_validation: the numbers of the
    samples that the data set's makers set aside, or None; groups: (N,) int64, or None: samples of
    one group (an object, a subject, a structure) are never divided between splits; notes: what
    reading left out or changed, a sentence each.
    """

    name: str
    values: Rows
    spec: SampleSpec
    labels: np.ndarray | None = None
    covariates: Mapping[str, np.ndarray] = field(default_factory=dict)
    official_test: np.ndarray | None = None
    official_validation: np.ndarray | None = None
    groups: np.ndarray | None = None
    notes: tuple[str, ...] = ()

    def natural(self, indices: np.ndarray | slice) -> np.ndarray:
        """Samples in natural units, float32."""
        chosen: np.ndarray = self.values[indices].astype(np.float32)
        if self.spec.scale != 1.0:
            chosen *= np.float32(self.spec.scale)
        return chosen

    def write(self, path: Path) -> None:
        """Keep values, labels, covariates and names in an .npz that the arrays source reads."""
        arrays: dict[str, Any] = {"values": self.values[:], **self.covariates}
        if self.labels is not None:
            named = self.spec.label_names
            arrays["labels"] = np.array(named)[self.labels] if named else self.labels
        if self.spec.names is not None:
            arrays["names"] = np.array(self.spec.names)
        with new_file(path) as staging:
            np.savez(staging, allow_pickle=False, **arrays)


def checked(
    name: str,
    values: Rows,
    kind: ValueKind,
    *,
    scale: float = 1.0,
    levels: int | None = None,
    labels: np.ndarray | None = None,
    label_names: tuple[str, ...] | None = None,
    covariates: Mapping[str, np.ndarray] | None = None,
    official_test: np.ndarray | None = None,
    official_validation: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    names: tuple[str, ...] | None = None,
    frame: Frame | None = None,
    atom: float | None = None,
    notes: tuple[str, ...] = (),
) -> DataSet:
    """A DataSet of `values` (N, *). Raises DataError in one line for no samples, NaN or infinite
    numbers, labels of another length, a covariate with missing values.
    """
    require_samples(name, values, least=1)
    require_finite(name, values)
    if labels is not None and labels.shape != (len(values),):
        raise DataError(
            f"{name}: {len(values)} samples and labels of shape {labels.shape}; "
            f"one whole-number label a sample is needed, shape ({len(values)},)"
        )
    shape = tuple(values.shape[1:])
    whole = None if labels is None else _whole_labels(name, labels)
    beside = _whole_covariates(name, covariates or {}, len(values))
    count = None if whole is None else max(int(whole.max()) + 1, len(label_names or ()))
    spec = SampleSpec(
        shape, kind, scale, levels, names, label_names, count, tuple(beside), frame, atom
    )
    return DataSet(
        name,
        _own(values) if isinstance(values, np.ndarray) and in_memory(values) else values,
        spec,
        whole,
        beside,
        official_test,
        official_validation,
        groups,
        notes,
    )


def require_samples(name: str, values: Rows, least: int = 2) -> None:
    """Raise DataError unless `values` are at least `least` samples of at least one number."""
    if len(values.shape) < 2:
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


def require_finite(name: str, values: Rows) -> None:
    """Raise DataError, with how many samples and which first, for NaN or infinite numbers.

    Rows that can hold none, since what they are made of was checked, say so by `finite`.
    """
    if values.dtype.kind != "f" or getattr(values, "finite", False):
        return
    if all(np.isfinite([part.min(), part.max()]).all() for part in chunks(values)):
        return  # minimum and maximum carry any NaN, and need no memory
    bad = np.concatenate([~np.isfinite(x.reshape(len(x), -1)).all(1) for x in chunks(values)])
    raise DataError(
        f"{name}: {int(bad.sum())} of {len(values)} samples hold NaN or infinite numbers, "
        f"the first is sample {int(bad.argmax())}; remove or repair them"
    )


def require_several(data: DataSet) -> None:
    """Raise DataError for fewer than two samples, with what is noted of the data, which may tell
    where the others are."""
    try:
        require_samples(data.name, data.values)
    except DataError as fault:
        raise DataError("; ".join([str(fault), *data.notes])) from None


def require_learnable(data: DataSet) -> None:
    """Raise DataError for data no VAE can learn from: fewer than two samples, or all equal."""
    name, values = data.name, data.values
    require_several(data)
    first = values[:1][0]
    if not all((part == first).all() for part in chunks(values)):
        return
    low, high = first.min(), first.max()
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


def _whole_covariates(
    name: str, covariates: Mapping[str, np.ndarray], count: int
) -> dict[str, np.ndarray]:
    """Covariates as float32, each with a finite number for every sample."""
    whole = {}
    for key, given in covariates.items():
        column = np.asarray(given, dtype=np.float64)
        if column.shape != (count,):
            raise DataError(
                f"{name}: {count} samples and covariate {key} of shape {column.shape}; "
                f"one number a sample is needed, shape ({count},)"
            )
        missing = ~np.isfinite(column)
        if missing.any():
            raise DataError(
                f"{name}: covariate {key} misses {int(missing.sum())} of {count} values, the first "
                f"at sample {int(missing.argmax())}; fill them in or leave these samples out"
            )
        whole[key] = column.astype(np.float32)
    return whole
