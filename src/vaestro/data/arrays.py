"""Plain arrays: .npz, .npy and .csv files (gzipped or not), and arrays from Python.

Shape letters: N samples, D columns, C channels, H height, W width.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import Field

from vaestro.data.dataset import DataSet, checked, require_finite, require_samples
from vaestro.data.from_python import as_array, from_items, is_data_set
from vaestro.data.numpy_files import Archive, archive, read_npy
from vaestro.data.storage import AskedKind, stored
from vaestro.data.table import read_table
from vaestro.foundation.config import Config
from vaestro.foundation.errors import DataError

ENDINGS = (".npz", ".npy", ".csv")


class ArraysConfig(Config):
    """`path` to a file. `key` names the array of an .npz (several with commas are joined; the last
    is the official test part if its name begins with test); `labels_key` its labels (joined alike),
    or the label column of a .csv. `packed_columns` unpacks bits into that many columns. `values`
    says what the numbers are, where the file leaves it open.
    """

    kind: Literal["arrays"] = "arrays"
    path: str
    key: str | None = None
    labels_key: str | None = None
    packed_columns: Annotated[int, Field(ge=1)] | None = None
    values: AskedKind = "auto"


class Content(NamedTuple):
    """What a file holds: values (N, *) as stored there, labels or None, the official test part."""

    values: np.ndarray
    labels: np.ndarray | None = None
    official_test: np.ndarray | None = None


def load_arrays(config: ArraysConfig) -> DataSet:
    """The data set in `config.path`. Raises DataError in one line for a damaged or unfit file."""
    name = Path(config.path).name
    content = read_content(config)
    return from_array(
        content.values, content.labels, name, config.values, official_test=content.official_test
    )


def read_content(config: ArraysConfig) -> Content:
    """What `config` names in its file, as stored there: not yet checked for being data."""
    path = Path(config.path)
    ending = Path(path.name.removesuffix(".gz")).suffix
    match ending:
        case ".npz":
            content = _from_npz(path, config)
        case ".npy":
            _refuse(path, ending, {"key": config.key, "labels_key": config.labels_key})
            content = Content(read_npy(path))
        case ".csv":
            _refuse(path, ending, {"key": config.key, "packed_columns": config.packed_columns})
            content = Content(*read_table(path, config.labels_key))
        case _:
            raise DataError(
                f"{path} ends in {ending or 'nothing'}; arrays are read from "
                f"{', '.join(ENDINGS)} (also .gz)"
            )
    return content._replace(values=_unpacked(content.values, config.packed_columns))


def from_array(
    values: Any,
    labels: Any = None,
    name: str = "array",
    values_kind: AskedKind = "auto",
    official_test: np.ndarray | None = None,
) -> DataSet:
    """A data set from an array, tensor, DataFrame, list or torch data set of N samples.

    (N, D) are vectors, (N, H, W) one-channel images, (N, C, H, W) images. `values_kind` "auto" is
    told in `storage.stored`. A torch data set of (sample, whole number) pairs brings its labels.
    Raises DataError in one line for data that no VAE can learn from.
    """
    if is_data_set(values):
        array, own = from_items(values, name)
        labels = own if labels is None else labels
    else:
        array = as_array(values, name)
    require_samples(name, array)
    require_finite(name, array)
    kept = stored(name, framed(array), values_kind)
    return checked(
        name,
        kept.values,
        kept.kind,
        scale=kept.scale,
        levels=kept.levels,
        labels=None if labels is None else _one_each(labels, name),
        official_test=official_test,
    )


def framed(array: np.ndarray) -> np.ndarray:
    """Pictures without a channel axis (N, H, W) get one: (N, 1, H, W); others stay."""
    return array[:, None] if array.ndim == 3 else array


def _one_each(labels: Any, name: str) -> np.ndarray:
    """A column (N, 1) of labels, as MedMNIST and DataFrames have it, as (N,)."""
    array = as_array(labels, f"labels of {name}", "whole numbers")
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def _from_npz(path: Path, config: ArraysConfig) -> Content:
    with archive(path) as held:
        keys = _split(config.key) or [_only(held, config.labels_key)]
        parts = [held.read(key) for key in keys]
        labels = [held.read(key) for key in _split(config.labels_key)]
    values, test = _joined(path, parts), None
    if len(parts) > 1 and keys[-1].startswith("test"):
        test = np.arange(sum(map(len, parts[:-1])), sum(map(len, parts)))
    return Content(values, _joined(path, labels) if labels else None, test)


def _split(keys: str | None) -> list[str]:
    return [] if keys is None else [key.strip() for key in keys.split(",")]


def _only(held: Archive, labels_key: str | None) -> str:
    """The one array of samples that is not the labels."""
    labels = _split(labels_key)
    names = [name for name in held.names if name not in labels and held.holds_samples(name)]
    if len(names) != 1:
        raise DataError(
            f"{held.path} holds the arrays {', '.join(held.names) or 'none'}; "
            "say which with --set data.key=NAME, or give a file with one array of samples"
        )
    return names[0]


def _joined(path: Path, parts: list[np.ndarray]) -> np.ndarray:
    if len(parts) > 1 and (len({part.shape[1:] for part in parts}) > 1 or not parts[0].shape):
        shapes = ", ".join(str(part.shape) for part in parts)
        raise DataError(f"{path}: arrays of shapes {shapes} cannot be joined; name equal samples")
    return np.concatenate(parts) if len(parts) > 1 else parts[0]


def _unpacked(values: np.ndarray, columns: int | None) -> np.ndarray:
    """Bits to columns when the recipe says so."""
    if columns is None:
        return values
    if values.dtype != np.uint8 or values.ndim != 2:
        raise DataError(
            f"data.packed_columns needs bytes of two axes, not {values.dtype} "
            f"of shape {values.shape}"
        )
    if columns > values.shape[1] * 8:
        raise DataError(
            f"data.packed_columns={columns} and the file has "
            f"{values.shape[1] * 8} bits a row; give at most that"
        )
    return np.unpackbits(values, axis=1, count=columns)


def _refuse(path: Path, ending: str, fields: dict[str, Any]) -> None:
    """Raise DataError for a field that means nothing for this kind of file."""
    for name, value in fields.items():
        if value is not None:
            raise DataError(
                f"data.{name}={value} means nothing for a {ending} file ({path}); leave it out"
            )
