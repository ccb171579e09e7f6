"""Plain arrays: .npz, .npy and .csv files (gzipped or not), and arrays from Python.

Shape letters: N samples, D columns.
"""

import io
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from vaestro.data.dataset import DataSet, checked
from vaestro.data.opening import read_bytes
from vaestro.foundation.config import Config
from vaestro.foundation.errors import DataError
from vaestro.foundation.samples import ValueKind

ENDINGS = (".npz", ".npy", ".csv")


class ArraysConfig(Config):
    """`path` to a file. `key` names the array of an .npz (several with commas are joined; the last
    is the official test part if its name begins with test); `labels_key` its labels, or the label
    column of a .csv. `packed_columns` unpacks bits into that many columns. `values` says what
    the numbers are, where the file leaves it open.
    """

    kind: Literal["arrays"] = "arrays"
    path: str
    key: str | None = None
    labels_key: str | None = None
    packed_columns: Annotated[int, Field(ge=1)] | None = None
    values: Literal["auto", "binary", "unit", "counts", "real"] = "auto"


def load_arrays(config: ArraysConfig) -> DataSet:
    """The data set in `config.path`. Raises DataError in one line for a damaged or unfit file."""
    path = Path(config.path)
    ending = Path(path.name.removesuffix(".gz")).suffix
    if ending not in ENDINGS:
        raise DataError(
            f"{path} ends in {ending or 'nothing'}; arrays are read from "
            f"{', '.join(ENDINGS)} (also .gz)"
        )
    raw = read_bytes(path)
    if ending == ".csv":
        values, labels = _read_csv(path, raw, config.labels_key)
        return from_array(values, labels, path.name, config.values)
    stored = _read_numpy(path, raw)
    if isinstance(stored, np.ndarray):
        stored = {"the array": stored}
        return from_array(_unpacked(stored["the array"], config), None, path.name, config.values)
    parts = [_pick(path, stored, name.strip()) for name in _keys(path, stored, config).split(",")]
    labels = None if config.labels_key is None else _pick(path, stored, config.labels_key)
    test = None
    last = (config.key or "").split(",")[-1].strip()
    if len(parts) > 1 and last.startswith("test"):
        test = np.arange(sum(map(len, parts[:-1])), sum(map(len, parts)))
    values = _unpacked(np.concatenate(parts), config)
    return from_array(values, labels, path.name, config.values, official_test=test)


def from_array(
    values: Any,
    labels: Any = None,
    name: str = "array",
    values_kind: Literal["auto", "binary", "unit", "counts", "real"] = "auto",
    official_test: np.ndarray | None = None,
) -> DataSet:
    """A data set from an array, tensor, DataFrame, list or torch data set of N samples.

    (N, D) are vectors, (N, H, W) one-channel images, (N, C, H, W) images. With "auto", numbers that
    are all 0 or 1 are binary, bytes and fractions in [0, 1] are unit (greys), whole numbers are
    counts, and the rest is real. A torch data set of (sample, label) pairs brings its labels.
    """
    if hasattr(values, "__getitem__") and hasattr(values, "__len__") and not _is_array(values):
        values, labels = _from_items(values, labels)
    array = np.asarray(values.to_numpy() if hasattr(values, "to_numpy") else values)
    if array.dtype.kind not in "fiub":
        raise DataError(f"{name}: the array holds {array.dtype}; numbers are needed")
    if array.ndim == 3:
        array = array[:, None]
    kind = _guess(array) if values_kind == "auto" else values_kind
    stored, scale, levels = _stored(name, array, kind)
    known = None if labels is None else np.asarray(labels).reshape(-1)
    return checked(
        name, stored, kind, scale=scale, levels=levels, labels=known, official_test=official_test
    )


def _stored(name: str, array: np.ndarray, kind: ValueKind) -> tuple[np.ndarray, float, int | None]:
    """The storage type, scale and levels; refuses numbers outside the kind's range."""
    low, high = (float(array.min()), float(array.max())) if array.size else (0.0, 0.0)
    whole = array.dtype.kind in "iub" or bool((array == np.floor(array)).all())
    if kind == "unit" and array.dtype == np.uint8:
        return array, 1 / 255, 256
    legal = {
        "binary": whole and low >= 0 and high <= 1,
        "unit": low >= 0 and high <= 1,
        "counts": whole and low >= 0,
        "real": True,
    }
    if not legal[kind] and np.isfinite([low, high]).all():
        raise DataError(
            f"{name}: values={kind} was asked for and the numbers run from {low:g} to {high:g}; "
            "legal: binary (0 or 1), unit (0 to 1), counts (0, 1, 2, ...), real (any)"
        )
    if kind == "binary":
        return array.astype(np.uint8), 1.0, 2
    return array.astype(np.int32 if kind == "counts" else np.float32), 1.0, None


def _guess(array: np.ndarray) -> ValueKind:
    if array.dtype == bool or (
        array.size and np.isin(array[:1000], (0, 1)).all() and np.isin(array, (0, 1)).all()
    ):
        return "binary"
    if array.dtype == np.uint8:
        return "unit"
    if array.dtype.kind in "iu":
        return "counts" if array.min(initial=0) >= 0 else "real"
    inside = array.size and array.min() >= 0 and array.max() <= 1
    return "unit" if inside else "real"


def _is_array(values: Any) -> bool:
    return hasattr(values, "__array__") or hasattr(values, "to_numpy") or isinstance(values, list)


def _from_items(items: Any, labels: Any) -> tuple[np.ndarray, Any]:
    """The samples of a torch data set, and its labels where it yields pairs."""
    rows = [items[i] for i in range(len(items))]
    if rows and isinstance(rows[0], tuple):
        labels = [int(row[1]) for row in rows] if labels is None and len(rows[0]) > 1 else labels
        rows = [row[0] for row in rows]
    return np.stack([np.asarray(row) for row in rows]) if rows else np.empty((0, 0)), labels


def _read_numpy(path: Path, raw: bytes) -> np.ndarray | dict[str, np.ndarray]:
    try:
        stored = np.load(io.BytesIO(raw), allow_pickle=False)
        if isinstance(stored, np.ndarray):
            return stored
        return {name: stored[name] for name in stored.files}
    except Exception as fault:  # zip, zlib and numpy each raise their own for a damaged file
        raise DataError(f"{path} cannot be read as .npz or .npy: {fault}") from None


def _keys(path: Path, stored: dict[str, np.ndarray], config: ArraysConfig) -> str:
    if config.key is not None:
        return config.key
    names = [n for n in stored if n != config.labels_key and stored[n].ndim > 1]
    if len(names) != 1:
        raise DataError(
            f"{path} holds the arrays {', '.join(stored) or 'none'}; "
            "say which with --set data.key=NAME"
        )
    return names[0]


def _pick(path: Path, stored: dict[str, np.ndarray], name: str) -> np.ndarray:
    if name not in stored:
        raise DataError(f"{path} has no array {name!r}; legal: {', '.join(stored)}")
    return stored[name]


def _unpacked(values: np.ndarray, config: ArraysConfig) -> np.ndarray:
    """Bits to columns when the recipe says so."""
    if config.packed_columns is None:
        return values
    if values.dtype != np.uint8 or values.ndim != 2:
        raise DataError(
            f"data.packed_columns needs bytes of two axes, not {values.dtype} "
            f"of shape {values.shape}"
        )
    if config.packed_columns > values.shape[1] * 8:
        raise DataError(
            f"data.packed_columns={config.packed_columns} and the file has "
            f"{values.shape[1] * 8} bits a row; give at most that"
        )
    return np.unpackbits(values, axis=1)[:, : config.packed_columns]


def _read_csv(path: Path, raw: bytes, label: str | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Columns of numbers under a header of names; the column `label` becomes the labels."""
    try:
        text = raw.decode()
        names = [name.strip().strip('"') for name in text.split("\n", 1)[0].split(",")]
        values = np.loadtxt(io.StringIO(text), delimiter=",", skiprows=1, ndmin=2)
    except (UnicodeDecodeError, ValueError) as fault:
        raise DataError(f"{path} is no table of numbers with a header line: {fault}") from None
    if label is None:
        return values, None
    if label not in names:
        raise DataError(f"{path} has no column {label!r}; legal: {', '.join(names)}")
    column = names.index(label)
    return np.delete(values, column, axis=1), values[:, column].astype(np.int64)
