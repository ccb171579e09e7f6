"""HDF5 files: named data sets, in memory or read row by row from the file.

Format: HDF5 File Format Specification (The HDF Group), through h5py.

Shape letters: N samples, M of them asked for, * the sample's axes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from math import prod
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from vaestro.data.mapped import Memory, is_zipped, require_mappable, stays_in_file
from vaestro.data.numpy_files import faults_named
from vaestro.data.opening import opened
from vaestro.data.rows import Rows

DENSE = 4
"""Up to so many samples are read for each one wanted, where that makes one piece of them."""


@contextmanager
def h5_archive(path: Path, memory: Memory) -> Iterator["H5Archive"]:
    """The .h5 file at `path`, open. Raises DataError in one line when it is none or damaged."""
    import h5py

    require_mappable(path, memory)
    with opened(path) as file:
        source = file if isinstance(file, BytesIO) else path
        with faults_named(path, ".h5"):
            entries = h5py.File(source, "r")
        with entries:
            yield H5Archive(path, entries, memory)


class H5Archive:
    """The data sets of an .h5 file by their whole name (group/name), read while it is open."""

    def __init__(self, path: Path, file: Any, memory: Memory) -> None:
        self.path, self._file, self._memory = path, file, memory
        self.names: list[str] = []
        with faults_named(path, ".h5"):
            file.visititems(self._note)

    def _note(self, name: str, entry: Any) -> None:
        if hasattr(entry, "dtype") and entry.shape is not None:
            self.names.append(name)

    def shape_of(self, name: str) -> tuple[int, ...] | None:
        """The shape of the data set `name`; None where it holds no numbers."""
        entry = self._file[name]
        return tuple(entry.shape) if entry.dtype.kind in "fiub" else None

    def read(self, name: str) -> np.ndarray:
        """The data set `name`, in memory; text as str. Raises DataError when it is damaged."""
        import h5py

        entry = self._file[name]
        with faults_named(self.path, f".h5 data set {name!r}"):
            if h5py.check_string_dtype(entry.dtype) is not None:
                return np.array(entry.asstr()[()], dtype=np.str_)
            return np.asarray(entry[()])

    def rows(self, name: str) -> Rows:
        """The data set `name`, in memory or left in the file."""
        entry = self._file[name]
        numbers = entry.dtype.kind in "fiub" and len(entry.shape) > 1 and prod(entry.shape) > 0
        if not numbers or is_zipped(self.path) or not stays_in_file(self._memory, entry.nbytes):
            return self.read(name)
        return H5Rows(self.path, name)


class H5Rows:
    """The samples (N, *) of one data set of an .h5 file, which stays open."""

    def __init__(self, path: Path, name: str) -> None:
        import h5py

        self.path, self.name = path, name
        with faults_named(path, f".h5 data set {name!r}"):
            self._entry = h5py.File(path, "r")[name]
        self.shape: tuple[int, ...] = tuple(self._entry.shape)
        self.dtype: np.dtype[Any] = self._entry.dtype
        self._lock = Lock()  # the HDF5 library works for one thread at a time

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, numbers: Any, /) -> np.ndarray:
        if isinstance(numbers, slice):
            start, stop, step = numbers.indices(len(self))
            if step == 1:
                return self._read(slice(start, max(start, stop)))
            numbers = np.arange(start, stop, step)
        if len(numbers) == 0:
            return np.empty((0, *self.shape[1:]), self.dtype)
        self._require_known(numbers)
        wanted, places = np.unique(numbers, return_inverse=True)  # HDF5 reads in rising order
        first, span = int(wanted[0]), int(wanted[-1] - wanted[0]) + 1
        dense = span <= DENSE * len(wanted)
        piece = self._read(slice(first, first + span) if dense else wanted)
        samples: np.ndarray = piece[numbers - first if dense else places]
        return samples

    def _require_known(self, numbers: np.ndarray) -> None:
        if numbers.min() < 0 or numbers.max() >= len(self):
            raise IndexError(f"{self.path} has the samples 0 to {len(self) - 1}")

    def _read(self, where: Any) -> np.ndarray:
        with self._lock, faults_named(self.path, f".h5 data set {self.name!r}"):
            samples: np.ndarray = self._entry[where]
            return samples
