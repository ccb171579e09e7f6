"""Arrays larger than memory: read from their file when asked for, and changed as they are read.

Shape letters: N samples, M of them asked for, * the sample's axes.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from math import prod
from pathlib import Path
from typing import Any, Literal

import numpy as np

from vaestro.data.numpy_files import npy_header, read_npy
from vaestro.data.opening import GZIP_MAGIC
from vaestro.data.rows import Rows, in_memory
from vaestro.foundation.errors import DataError

Memory = Literal["auto", "resident", "mapped"]
"""resident: held in memory; mapped: left in the file; auto: mapped above a quarter of memory."""
PIECE_BYTES = 2_000_000
UNKNOWN_MEMORY = 8 << 30
"""Taken for the machine's memory, in bytes, where the system does not tell."""


def physical_memory() -> int:
    """The bytes of memory that the machine has."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return UNKNOWN_MEMORY


def stays_in_file(memory: Memory, size: int) -> bool:
    """Whether an array of `size` bytes is left in its file."""
    return memory == "mapped" or (memory == "auto" and size > physical_memory() // 4)


def is_zipped(path: Path) -> bool:
    """Whether `path` is a gzip file; False also where it cannot be read at all."""
    try:
        with path.open("rb") as file:
            return file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
    except OSError:
        return False


def require_mappable(path: Path, memory: Memory) -> None:
    """Raise DataError where a gzip file is asked to be mapped."""
    if memory == "mapped" and is_zipped(path):
        raise DataError(
            f"{path} is compressed and cannot be mapped; decompress it (gunzip), or give "
            "data.memory=resident"
        )


def npy_rows(path: Path, memory: Memory) -> Rows:
    """The array in an .npy file, in memory or left in the file.

    Raises DataError in one line when it is damaged, pickled, or cannot be mapped as asked.
    """
    require_mappable(path, memory)
    if is_zipped(path) or not path.is_file() or not stays_in_file(memory, path.stat().st_size):
        return read_npy(path)
    header = npy_header(path)
    if header.dtype.kind not in "fiub" or prod(header.shape) == 0:
        return read_npy(path)  # nothing to learn from: said by whoever checks it
    if header.fortran:
        if memory == "auto":
            return read_npy(path)
        raise DataError(
            f"{path} is stored in Fortran order, a sample scattered over all of it, and cannot be "
            "mapped; save it again with numpy.ascontiguousarray, or give data.memory=resident"
        )
    return NpyRows(path, header.shape, header.dtype, header.offset)


class NpyRows:
    """The samples (N, *) of a raw .npy file.

    Consecutive samples are read into memory, so that going through all of them keeps nothing
    mapped; others are gathered from a memory map.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], offset: int):
        self.path, self.shape, self.dtype, self.offset = path, shape, dtype, offset
        needed = offset + prod(shape) * dtype.itemsize
        if path.stat().st_size < needed:
            raise DataError(
                f"{path} cannot be read as .npy: it says shape {shape}, which needs {needed} "
                f"bytes, and has {path.stat().st_size}; it is cut off, fetch it again"
            )
        self._map = np.memmap(path, dtype, "r", offset, shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, numbers: Any, /) -> np.ndarray:
        if not isinstance(numbers, slice):
            return np.asarray(self._map[numbers])
        start, stop, step = numbers.indices(len(self))
        if step != 1:
            return np.asarray(self._map[np.arange(start, stop, step)])
        return self._consecutive(start, max(0, stop - start))

    def _consecutive(self, start: int, count: int) -> np.ndarray:
        elements = prod(self.shape[1:])
        offset = self.offset + start * elements * self.dtype.itemsize
        try:
            flat = np.fromfile(self.path, self.dtype, count * elements, offset=offset)
        except OSError as fault:
            raise DataError(f"{self.path} can no longer be read: {fault}") from None
        if len(flat) < count * elements:
            raise DataError(f"{self.path} became shorter while it was read; leave it as it is")
        return flat.reshape(count, *self.shape[1:])


@dataclass(frozen=True)
class Changed:
    """Rows whose every reading goes through `change`, a function of each sample alone."""

    rows: Rows
    change: Callable[[np.ndarray], np.ndarray]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, numbers: Any, /) -> np.ndarray:
        if isinstance(numbers, slice):
            numbers = range(len(self))[numbers]
        read = np.empty((len(numbers), *self.shape[1:]), self.dtype)
        size = max(1, PIECE_BYTES // max(1, read[:1].nbytes))
        for start in range(0, len(numbers), size):  # what is changed is never held as a whole
            piece = numbers[start : start + size]
            read[start : start + size] = self.change(self.rows[_as_slice(piece)])
        return read


def _as_slice(numbers: Any) -> Any:
    """Consecutive numbers as the slice that they are, others as an array."""
    if isinstance(numbers, range) and numbers.step == 1:
        return slice(numbers.start, numbers.stop)
    return np.asarray(numbers, dtype=np.int64)


def changed(rows: Rows, change: Callable[[np.ndarray], np.ndarray]) -> Rows:
    """`change` of every sample: now where they are in memory, else whenever they are read."""
    if isinstance(rows, np.ndarray) and in_memory(rows):
        return change(rows)
    none = change(rows[:0])
    return Changed(rows, change, (len(rows), *none.shape[1:]), none.dtype)


class Joined:
    """The samples of several rows of equal samples, one after another."""

    def __init__(self, parts: list[Rows]) -> None:
        self.parts = parts
        self.ends = list(accumulate(len(part) for part in parts))
        self.shape = (self.ends[-1], *parts[0].shape[1:])
        self.dtype = np.result_type(*(part.dtype for part in parts))

    def __len__(self) -> int:
        return self.ends[-1]

    def __getitem__(self, numbers: Any, /) -> np.ndarray:
        if isinstance(numbers, slice):
            numbers = np.arange(*numbers.indices(len(self)))
        which = np.searchsorted(self.ends, numbers, side="right")
        read = np.empty((len(numbers), *self.shape[1:]), self.dtype)
        for number, part in enumerate(self.parts):
            mine = which == number
            if mine.any():
                read[mine] = part[numbers[mine] - (self.ends[number] - len(part))]
        return read


def joined(parts: list[Rows]) -> Rows:
    """One after another: an array where all are in memory."""
    if len(parts) == 1:
        return parts[0]
    held = [part for part in parts if isinstance(part, np.ndarray)]
    return np.concatenate(held) if len(held) == len(parts) else Joined(parts)
