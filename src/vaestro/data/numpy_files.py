"""NumPy's own files: one array in an .npy, named arrays in an .npz. Nothing is ever unpickled.

Only the arrays asked for are read, so that what else lies in an archive costs and harms nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from zipfile import ZipFile

import numpy as np
from numpy.lib import format as npy

from vaestro.data.opening import opened
from vaestro.foundation.errors import DataError, one_line

MEMBER = ".npy"


def read_npy(path: Path) -> np.ndarray:
    """The array in an .npy file. Raises DataError in one line for a damaged or a pickled one."""
    with opened(path) as file, _faults_named(path, ".npy"):
        return _array(file)


class Archive:
    """The named arrays of an .npz file, read one by one while it is open."""

    def __init__(self, path: Path, archive: ZipFile) -> None:
        self.path = path
        self._zip = archive
        self.names = [n.removesuffix(MEMBER) for n in archive.namelist() if n.endswith(MEMBER)]

    def read(self, name: str) -> np.ndarray:
        """The array `name`. Raises DataError when there is none, or it is damaged or pickled."""
        if name not in self.names:
            raise DataError(
                f"{self.path} has no array {name!r}; legal: {', '.join(self.names) or 'none'}"
            )
        with _faults_named(self.path, f".npz array {name!r}"), self._zip.open(name + MEMBER) as it:
            return _array(it)

    def holds_samples(self, name: str) -> bool:
        """Whether the array `name` is of numbers with two axes or more, judged by its header."""
        with _faults_named(self.path, ".npz"), self._zip.open(name + MEMBER) as member:
            headers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
            version = npy.read_magic(member)
            if version not in headers:  # (3, 0): records with names beyond Latin-1
                return False
            shape, _, kind = headers[version](member)
        return len(shape) > 1 and kind.kind in "fiub"


@contextmanager
def archive(path: Path) -> Iterator[Archive]:
    """The .npz file at `path`, open. Raises DataError in one line when it is none or damaged."""
    with opened(path) as file:
        with _faults_named(path, ".npz"):
            entries = ZipFile(file)
        with entries:
            yield Archive(path, entries)


def _array(file: IO[bytes]) -> np.ndarray:
    stored: np.ndarray = npy.read_array(file, allow_pickle=False)
    return stored


@contextmanager
def _faults_named(path: Path, kind: str) -> Iterator[None]:
    """Turns what zip, zlib and numpy raise for a damaged file, each its own, into a DataError."""
    try:
        yield
    except Exception as fault:
        raise DataError(
            f"{path} cannot be read as {kind}: {one_line(str(fault)) or type(fault).__name__}"
        ) from None
