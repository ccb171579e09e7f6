"""Comma-separated tables of numbers under a header line of column names.

Shape letters: N rows (samples), D columns.
"""

import csv
import io
from pathlib import Path

import numpy as np

from vaestro.data.opening import read_bytes
from vaestro.foundation.errors import DataError, one_line


def read_table(path: Path, label: str | None) -> tuple[np.ndarray, np.ndarray | None]:
    """The columns (N, D) of `path` in float64, and apart from them the column `label` (N,), if any.

    Raises DataError in one line for a missing header, text among the numbers, rows of another
    width than the header, or an unknown `label`.
    """
    header, body = _parted(path)
    names = _names(path, header)
    values = _numbers(path, body)
    if values.shape[1] != len(names):
        raise DataError(
            f"{path}: the header names {len(names)} columns and the rows have {values.shape[1]}"
        )
    if label is None:
        return values, None
    if label not in names:
        raise DataError(f"{path} has no column {label!r}; legal: {', '.join(names)}")
    column = names.index(label)
    return np.delete(values, column, axis=1), values[:, column]


def _parted(path: Path) -> tuple[str, str]:
    """The first line, and all that follows it."""
    try:
        text = read_bytes(path).decode("utf-8-sig")  # spreadsheets put a mark before the header
    except UnicodeDecodeError as fault:
        raise DataError(f"{path} is no table of numbers with a header line: {fault}") from None
    header, _, body = text.partition("\n")
    if not header.strip() or not body.strip():
        raise DataError(
            f"{path} holds no rows; a header line of column names and then a row a sample is needed"
        )
    return header, body


def _names(path: Path, header: str) -> list[str]:
    names = [name.strip() for name in next(csv.reader([header]))]
    counted = [str(i) for i in range(len(names))]  # the names of a DataFrame without names
    if all(map(_is_number, names)) and names != counted:
        raise DataError(
            f"{path}: the first line holds numbers ({', '.join(names[:3])}, ...), and a header "
            "line of column names is needed above the rows; add one, or save the array as .npy"
        )
    if "" in names:
        raise DataError(
            f"{path}: column {names.index('') + 1} has no name (row numbers of a DataFrame?); "
            "name it, or write the table without it (pandas: index=False)"
        )
    return names


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _numbers(path: Path, body: str) -> np.ndarray:
    try:
        lines = io.StringIO(body)
        return np.loadtxt(lines, delimiter=",", ndmin=2, quotechar='"', comments=None)
    except ValueError as fault:
        raise DataError(
            f"{path} is no table of numbers with a header line: {one_line(str(fault))} "
            "(rows are counted from 0, after the header)"
        ) from None
