"""NumPy's own files: one array in an .npy, named arrays in an .npz. Nothing is ever unpickled.

Only the arrays asked for are read, so that what else lies in an archive costs and harms nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple
from zipfile import ZipFile

import numpy as np
from numpy.lib import format as npy

from vaestro.data.opening import opened
from vaestro.foundation.errors import DataError, one_line

MEMBER = ".npy"
MOST_TOLD = 200
"""So much of a library's message is told: some quote the bytes of the file."""
RECORDS = np.dtype(object)
"""Stands for records with names beyond Latin-1, which are no numbers."""


class Header(NamedTuple):
    """What an .npy says of its array; `offset`: where the numbers begin, in bytes."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    offset: int


def read_npy(path: Path) -> np.ndarray:
    """The array in an .npy file. Raises DataError in one line for a damaged or a pickled one."""
    with opened(path) as file, faults_named(path, ".npy"):
        return _array(file)


def npy_header(path: Path) -> Header:
    """The header of an .npy file. Raises DataError in one line for a damaged one."""
    with opened(path) as file, faults_named(path, ".npy"):
        return _header(file)


class NpzArchive:
    """The named arrays of an .npz file, read one by one while it is open."""

    def __init__(self, path: Path, archive: ZipFile) -> None:
        self.path = path
        self._zip = archive
        self.names = [n.removesuffix(MEMBER) for n in archive.namelist() if n.endswith(MEMBER)]

    def read(self, name: str) -> np.ndarray:
        """The array `name`. Raises DataError when it is damaged or pickled."""
        with faults_named(self.path, f".npz array {name!r}"), self._zip.open(name + MEMBER) as it:
            return _array(it)

    def rows(self, name: str) -> np.ndarray:
        """The same: the arrays of an .npz lie compressed or unaligned and cannot be mapped."""
        return self.read(name)

    def shape_of(self, name: str) -> tuple[int, ...] | None:
        """The shape of the array `name`, judged by its header; None where it holds no numbers."""
        with faults_named(self.path, ".npz"), self._zip.open(name + MEMBER) as member:
            header = _header(member)
        return header.shape if header.dtype.kind in "fiub" else None


@contextmanager
def archive(path: Path) -> Iterator[NpzArchive]:
    """The .npz file at `path`, open. Raises DataError in one line when it is none or damaged."""
    with opened(path) as file:
        with faults_named(path, ".npz"):
            entries = ZipFile(file)
        with entries:
            yield NpzArchive(path, entries)


@contextmanager
def faults_named(path: Path, kind: str) -> Iterator[None]:
    """Turns what a library raises for a damaged file, each its own, into a DataError."""
    try:
        yield
    except DataError:
        raise
    except Exception as fault:
        told = one_line(str(fault))[:MOST_TOLD] or type(fault).__name__
        raise DataError(f"{path} cannot be read as {kind}: {told}") from None


def _array(file: IO[bytes]) -> np.ndarray:
    stored: np.ndarray = npy.read_array(file, allow_pickle=False)
    return stored


def _header(file: IO[bytes]) -> Header:
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    version = npy.read_magic(file)
    if version not in readers:  # (3, 0)
        return Header((), False, RECORDS, 0)
    shape, fortran, kind = readers[version](file)
    return Header(shape, fortran, kind, file.tell())
