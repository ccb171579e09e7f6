"""Parquet tables: numbers, labels and covariates in named columns.

Format: Apache Parquet, through pyarrow.

Shape letters: N rows (samples), D columns of values.
"""

from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from vaestro.data.columns import Wanted, column_names, roles
from vaestro.data.content import Content
from vaestro.data.numpy_files import faults_named
from vaestro.data.opening import read_bytes
from vaestro.foundation.errors import DataError

INDEX = "__index_level_"
"""How pandas calls the row names that it writes as columns."""


def read_parquet(path: Path, wanted: Wanted) -> Content:
    """The rows of `path`: values (N, D), labels, covariates, the names of the values.

    Only the columns asked for are read. Raises DataError in one line for a damaged file, a missing
    library, an unknown column, a column that holds no numbers, or a missing value (with column and
    row).
    """
    parquet = _library(path)
    raw = read_bytes(path)
    with faults_named(path, ".parquet"):
        file = parquet.ParquetFile(BytesIO(raw))
        names = [str(name) for name in file.schema_arrow.names]
        columns = roles(path, names, wanted)
        doubled = next((n for n in names if names.count(n) > 1), None)
        if doubled is not None:
            raise DataError(
                f"{path} has {names.count(doubled)} columns called {doubled!r}; rename them"
            )
        index = [names[i] for i in columns.values if names[i].startswith(INDEX)]
        if index:
            raise DataError(
                f"{path}: column {index[0]} holds the row names of a DataFrame; write the table "
                "with index=False, or name the value columns in data.columns"
            )
        labels = () if columns.labels is None else (columns.labels,)
        picked = sorted({*columns.values, *columns.covariates, *labels})
        table = file.read(columns=[names[i] for i in picked])
    numbers = [_numbers(path, names[i], table) for i in columns.values]
    return Content(
        np.stack(numbers, axis=1),
        None if columns.labels is None else _whole(path, names[columns.labels], table),
        {names[i]: _covariate(path, names[i], table) for i in columns.covariates},
        names=column_names(names, columns.values),
    )


def parquet_names(path: Path) -> list[str]:
    """The names of the columns of `path`. Raises DataError for a damaged file."""
    parquet = _library(path)
    raw = read_bytes(path)
    with faults_named(path, ".parquet"):
        return [str(name) for name in parquet.ParquetFile(BytesIO(raw)).schema_arrow.names]


def _library(path: Path) -> ModuleType:
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        raise DataError(
            f"reading {path} needs pyarrow, which is not installed: pip install 'vaestro[parquet]'"
        ) from None
    module: ModuleType = parquet
    return module


def _whole(path: Path, name: str, table: Any) -> np.ndarray:
    """A column without missing values, of whatever type."""
    column = table.column(name)
    if column.null_count:
        row = int(np.argmax(column.is_null().to_numpy(zero_copy_only=False)))
        raise DataError(
            f"{path}: column {name} misses its value in row {row + 1} (rows are counted from 1); "
            "fill it in or leave the row out"
        )
    array: np.ndarray = column.to_numpy(zero_copy_only=False)
    return array


def _numbers(path: Path, name: str, table: Any) -> np.ndarray:
    array = _whole(path, name, table)
    if array.dtype.kind not in "fiub":
        raise DataError(
            f"{path}: column {name} holds {table.column(name).type} and numbers are needed; name "
            "the columns of numbers in data.columns, or make it data.labels_key"
        )
    return array


def _covariate(path: Path, name: str, table: Any) -> np.ndarray:
    array = _numbers(path, name, table)
    bad = ~np.isfinite(array)
    if bad.any():
        row = int(bad.argmax())
        raise DataError(
            f"{path}: covariate {name} is {array[row]:g} in row {row + 1} (rows are counted from "
            "1) and a finite number is needed; fill it in or leave the row out"
        )
    return array
