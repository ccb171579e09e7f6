"""Plain arrays and tables: files of them (gzipped or not), and arrays from Python.

Shape letters: N samples, D columns, P points, C channels, H height, W width, * the sample's axes.
"""

from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field

from vaestro.data.archives import archive_content
from vaestro.data.columns import Wanted
from vaestro.data.content import Content, data_set_of
from vaestro.data.dataset import DataSet
from vaestro.data.from_python import (
    as_array,
    columns_called,
    covariates_from,
    from_items,
    is_data_set,
    plain_array,
)
from vaestro.data.h5_files import h5_archive
from vaestro.data.layout import Layout
from vaestro.data.mapped import Memory, changed, npy_rows
from vaestro.data.numpy_files import archive
from vaestro.data.parquet_files import parquet_names, read_parquet
from vaestro.data.rows import Rows
from vaestro.data.storage import AskedKind
from vaestro.data.table import read_table, table_names
from vaestro.foundation.config import Config
from vaestro.foundation.errors import DataError

ENDINGS = (".npz", ".npy", ".csv", ".parquet", ".h5", ".hdf5")


def _listed(value: Any) -> Any:
    """A name or several with commas as a list; a number that YAML made of a name is a name."""
    if isinstance(value, str):
        return [name.strip() for name in value.split(",") if name.strip()]
    many = value if isinstance(value, (list, tuple)) else [value]
    whole = [str(name) if type(name) is int else name for name in many]
    return value if value is None else whole


Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]
"""Names of columns or arrays: a list, or one text with commas."""


class ArraysConfig(Config):
    """`path` to a file.

    `key` names the array of an .npz or .h5 (several with commas are joined; the last is the
    official test part if its name says test, the one before it the official validation part if it
    says val); without it parts called train, val and test are found. `labels_key` names the labels
    (joined alike), or the label column of a table; `covariate_keys` the arrays or columns that are
    covariates and not values; `columns` the value columns of a table, where not all others are.
    `packed_columns` unpacks bits into that many columns. `layout` says how axes are read
    (`layout.channel_axis`), `values` what the numbers are, where the file leaves it open, and
    `memory` whether a raw .npy or an .h5 is left in its file; auto: above a quarter of the memory.
    """

    kind: Literal["arrays"] = "arrays"
    path: str
    key: str | None = None
    labels_key: str | None = None
    covariate_keys: Names = ()
    columns: Annotated[Names, Field(min_length=1)] | None = None
    packed_columns: Annotated[int, Field(ge=1)] | None = None
    layout: Layout = "auto"
    values: AskedKind = "auto"
    memory: Memory = "auto"


MEANINGLESS = {
    ".npy": ("key", "labels_key", "covariate_keys", "columns"),
    ".npz": ("columns",),
    ".h5": ("columns",),
    ".csv": ("key", "packed_columns"),
    ".parquet": ("key", "packed_columns"),
}
"""Fields that mean nothing for a kind of file."""


def load_arrays(config: ArraysConfig) -> DataSet:
    """The data set in `config.path`. Raises DataError in one line for a damaged or unfit file."""
    name = Path(config.path).name
    return data_set_of(name, read_content(config), config.values, config.layout)


def read_content(config: ArraysConfig) -> Content:
    """What `config` names in its file, as stored there: not yet checked for being data."""
    path = Path(config.path)
    kind = kind_of(path)
    _refuse_meaningless(path, kind, config)
    content = _read(path, kind, config)
    if config.packed_columns is None:
        return content
    return content._replace(values=unpacked(content.values, config.packed_columns))


def kind_of(path: Path) -> str:
    """The ending that says how `path` is read. Raises DataError for one that nothing here reads."""
    ending = Path(path.name.lower().removesuffix(".gz")).suffix
    kind = ".h5" if ending == ".hdf5" else ending
    if kind not in MEANINGLESS:
        raise DataError(
            f"{path} ends in {ending or 'nothing'}; arrays are read from "
            f"{', '.join(ENDINGS)} (also .gz)"
        )
    return kind


def names_in(path: Path) -> list[str]:
    """What the columns of a table, or the arrays of a file of several, are called; else nothing."""
    match kind_of(path):
        case ".npz":
            with archive(path) as held:
                return held.names
        case ".h5":
            with h5_archive(path, "auto") as entries:
                return entries.names
        case ".csv":
            return table_names(path)
        case ".parquet":
            return parquet_names(path)
    return []


def from_array(
    values: Any,
    labels: Any = None,
    name: str = "array",
    values_kind: AskedKind = "auto",
    *,
    covariates: Any = None,
    layout: Layout = "auto",
) -> DataSet:
    """A data set from an array, tensor, DataFrame, list or torch data set of N samples.

    (N, D) are vectors (a DataFrame's column names are kept), (N, H, W) one-channel images,
    (N, C, H, W) images; `layout` says what the axes are (`layout.channel_axis`), `values_kind` what
    the numbers are (`storage.stored`). `labels` are (N,) whole numbers or text; `covariates` a
    mapping of names to (N,) numbers, or a DataFrame. A torch data set of (sample, whole number)
    pairs brings its labels. Raises DataError in one line for what is no data: no samples, NaN,
    text, ragged ones.
    """
    names = None
    if is_data_set(values):
        array, own = from_items(values, name)
        labels = own if labels is None else labels
    else:
        array, names = as_array(values, name), columns_called(values)
    content = Content(
        array,
        None if labels is None else plain_array(labels, f"labels of {name}"),
        {} if covariates is None else covariates_from(covariates, name),
        names=names,
    )
    return data_set_of(name, content, values_kind, layout)


def _read(path: Path, kind: str, config: ArraysConfig) -> Content:
    wanted = Wanted(config.labels_key, config.covariate_keys, config.columns)
    keys = (config.key, config.labels_key, config.covariate_keys)
    match kind:
        case ".npy":
            return Content(npy_rows(path, config.memory))
        case ".npz":
            with archive(path) as held:
                return archive_content(held, *keys)
        case ".h5":
            with h5_archive(path, config.memory) as entries:
                return archive_content(entries, *keys)
        case ".csv":
            return read_table(path, wanted)
    return read_parquet(path, wanted)


def _refuse_meaningless(path: Path, kind: str, config: ArraysConfig) -> None:
    """Raise DataError for a field that means nothing for this kind of file."""
    for name in MEANINGLESS[kind]:
        value = getattr(config, name)
        if value not in (None, ()):
            shown = ",".join(value) if isinstance(value, tuple) else value
            raise DataError(
                f"data.{name}={shown} means nothing for a {kind} file ({path}); leave it out"
            )
    if config.memory == "mapped" and kind not in (".npy", ".h5"):
        raise DataError(
            f"data.memory=mapped means nothing for a {kind} file ({path}); save the array as "
            ".npy or .h5, or leave it out"
        )


def unpacked(values: Rows, columns: int) -> Rows:
    """Bits (N, bytes) to `columns` columns. Raises DataError for anything else than such bytes."""
    if values.dtype != np.uint8 or len(values.shape) != 2:
        raise DataError(
            f"data.packed_columns needs bytes of two axes, not {values.dtype} "
            f"of shape {values.shape}"
        )
    if columns > values.shape[1] * 8:
        raise DataError(
            f"data.packed_columns={columns} and the file has "
            f"{values.shape[1] * 8} bits a row; give at most that"
        )
    return changed(values, partial(np.unpackbits, axis=1, count=columns))
