"""Comma-separated tables: numbers, labels and covariates under a header line of column names.

Shape letters: N rows (samples), D columns of values.
"""

import csv
import io
from array import array
from pathlib import Path

import numpy as np

from vaestro.data.columns import Roles, Wanted, column_names, roles
from vaestro.data.content import Content
from vaestro.data.opening import read_bytes
from vaestro.foundation.errors import DataError

NO_TABLE = "is no table of numbers with a header line"
MARKS = "commas part columns, a point the decimals"
LEAVE_OUT = "fill it in or leave the row out"


def read_table(path: Path, wanted: Wanted) -> Content:
    """The rows of `path`: values (N, D) in float64, labels, covariates, the names of the values.

    Raises DataError in one line for a missing header, rows of another width than the header, text
    or blanks among the numbers (with column, line and text), or an unknown column.
    """
    reader = csv.reader(io.StringIO(_text(path), newline=""))
    try:
        names = _header(path, next(reader, []))
        return _Body(path, names, roles(path, names, wanted)).read(reader)
    except csv.Error as fault:
        raise DataError(f"{path} {NO_TABLE}: line {reader.line_num}: {fault}") from None


def table_names(path: Path) -> list[str]:
    """The names in the header of `path`. Raises DataError when it is no header."""
    reader = csv.reader(io.StringIO(_text(path), newline=""))
    try:
        return _header(path, next(reader, []))
    except csv.Error as fault:
        raise DataError(f"{path} {NO_TABLE}: line {reader.line_num}: {fault}") from None


class _Body:
    """The rows under a header, gathered one by one; a number takes eight bytes."""

    def __init__(self, path: Path, names: list[str], columns: Roles) -> None:
        self.path, self.names, self.columns = path, names, columns
        self.values, self.covariates = array("d"), array("d")
        self.labels: list[str] = []
        self.lines = array("q")

    def read(self, reader: "csv._reader") -> Content:  # type: ignore[name-defined]
        """Every row of `reader` as Content."""
        plain = self.columns.values == list(range(len(self.names)))
        for cells in reader:
            if len(cells) <= 1 and not "".join(cells).strip():
                continue  # an empty line
            self._require_width(cells, reader.line_num)
            try:
                picked = cells if plain else [cells[i] for i in self.columns.values]
                self.values.extend(map(_number, picked))
                self.covariates.extend(_number(cells[i]) for i in self.columns.covariates)
            except ValueError:
                raise self._no_number(cells, reader.line_num) from None
            if self.columns.labels is not None:
                self.labels.append(cells[self.columns.labels].strip())
            self.lines.append(reader.line_num)
        return self._content()

    def _content(self) -> Content:
        if not self.lines:
            raise DataError(
                f"{self.path} holds no rows; a header line of column names and then a row a "
                "sample is needed"
            )
        count, places = len(self.lines), self.columns.covariates
        table = np.frombuffer(self.covariates).reshape(count, len(places))
        covariates = {self.names[i]: table[:, at] for at, i in enumerate(places)}
        for name, column in covariates.items():
            self._require_whole(name, column)
        return Content(
            np.frombuffer(self.values).reshape(count, -1),
            None if self.columns.labels is None else self._labels(),
            covariates,
            names=column_names(self.names, self.columns.values),
        )

    def _require_width(self, cells: list[str], line: int) -> None:
        if len(cells) == len(self.names):
            return
        if not self.lines:
            raise DataError(
                f"{self.path}: the header names {len(self.names)} columns and the rows have "
                f"{len(cells)}; {MARKS}, and the first line is the header"
            )
        raise DataError(
            f"{self.path} {NO_TABLE}: line {line} has {len(cells)} cells and the header names "
            f"{len(self.names)} columns; repair the line or leave it out"
        )

    def _no_number(self, cells: list[str], line: int) -> DataError:
        """What is wrong with the first cell of the row that is no number."""
        for i in self.columns.values:
            if not _is_number(cells[i]):
                cell, name = cells[i].strip(), self.names[i]
                break
        else:
            i = next(i for i in self.columns.covariates if not _is_number(cells[i]))
            return self._missing(self.names[i], line, cells[i].strip())
        what = f"could not convert string {cell!r} to a number" if cell else "the cell is empty"
        return DataError(
            f"{self.path} {NO_TABLE}: line {line}, column {name}: {what}; {LEAVE_OUT}, or name "
            f"the columns of numbers in data.columns ({MARKS})"
        )

    def _missing(self, name: str, line: int, cell: str) -> DataError:
        said = f"is {cell!r} and a finite number is needed" if cell else "is empty"
        return DataError(f"{self.path}: covariate {name} in line {line} {said}; {LEAVE_OUT}")

    def _require_whole(self, name: str, column: np.ndarray) -> None:
        bad = ~np.isfinite(column)
        if bad.any():
            first = int(bad.argmax())
            raise self._missing(name, self.lines[first], f"{column[first]:g}")

    def _labels(self) -> np.ndarray:
        """Numbers where all are, else text."""
        blank = next((i for i, text in enumerate(self.labels) if not text), None)
        name = self.names[self.columns.labels or 0]
        if blank is not None:
            raise DataError(
                f"{self.path}: label {name} in line {self.lines[blank]} is empty; {LEAVE_OUT}"
            )
        numbers = [_is_number(text) for text in self.labels]
        if all(numbers):
            return np.array(list(map(float, self.labels)))
        if any(numbers):
            first = numbers.index(not numbers[0])
            raise DataError(
                f"{self.path}: label {name} in line {self.lines[first]} is "
                f"{self.labels[first]!r} and above it stands {self.labels[0]!r}; "
                "labels are all text or all whole numbers"
            )
        return np.array(self.labels)


def _text(path: Path) -> str:
    try:
        return read_bytes(path).decode("utf-8-sig")  # spreadsheets put a mark before the header
    except UnicodeDecodeError as fault:
        raise DataError(
            f"{path} {NO_TABLE}: byte {fault.start} ({fault.object[fault.start]:#04x}) is no text "
            "in UTF-8; save the table as UTF-8"
        ) from None


def _header(path: Path, cells: list[str]) -> list[str]:
    names = [name.strip() for name in cells]
    if not any(names):
        raise DataError(
            f"{path} holds no rows; a header line of column names and then a row a sample is needed"
        )
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


def _number(text: str) -> float:
    """What a cell says. Python reads 1_2 as 12; in a table that is a name, of a well or a sample.
    Raises ValueError for text."""
    if "_" in text:
        raise ValueError(text)
    return float(text)


def _is_number(text: str) -> bool:
    try:
        _number(text)
    except ValueError:
        return False
    return True
