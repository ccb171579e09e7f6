"""Arrays that take long to make, kept on the disk between runs.

A cached file is a .npy file followed by the CRC-32 of its numbers, four bytes little-endian; what
reads .npy files does not look behind the numbers.
"""

import hashlib
import json
import os
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from vaestro.data.rows import CHUNK_BYTES
from vaestro.foundation.files import STAGING_SUFFIX, new_file

FOLDER_VARIABLE = "VAESTRO_CACHE"
STALE_SECONDS = 24 * 3600
SUM_BYTES = 4
_ONE_AT_A_TIME = threading.Lock()


def cache_folder() -> Path:
    """$VAESTRO_CACHE, else vaestro in $XDG_CACHE_HOME, else ~/.cache/vaestro.

    Raises OSError where the user has no home.
    """
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(named)
    try:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError as fault:
        raise OSError(str(fault)) from None
    return Path(home) / "vaestro"


def cached_array(
    name: str,
    key: Mapping[str, Any],
    shape: tuple[int, ...],
    dtype: Any,
    make: Callable[[], Iterator[np.ndarray]],
) -> np.ndarray:
    """The array of `shape` whose consecutive pieces `make` yields, mapped read-only from the cache.

    `key` holds all that the numbers depend on. A file that is missing, cut off or damaged is made
    (again) and appears whole or not at all; two processes may do so at once. Where the cache cannot
    be written the array is made in memory and is no memmap.
    """
    kind = np.dtype(dtype)
    text = json.dumps([dict(key), shape, kind.str], sort_keys=True)
    digest = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
    with _ONE_AT_A_TIME:  # threads of one process would share the name of the file being written
        try:
            path = cache_folder() / f"{name}-{digest}.npy"
            known = _read(path, shape, kind)
            if known is None:
                _sweep(path)
                _write(path, shape, kind, make())
                known = _read(path, shape, kind)
        except OSError:
            known = None
        return _in_memory(shape, kind, make()) if known is None else known


def _header(shape: tuple[int, ...], kind: np.dtype[Any]) -> bytes:
    """How a .npy file of this shape and type begins."""
    start = BytesIO()
    description = {"descr": npy.dtype_to_descr(kind), "fortran_order": False, "shape": shape}
    npy.write_array_header_1_0(start, description)
    return start.getvalue()


def _read(path: Path, shape: tuple[int, ...], kind: np.dtype[Any]) -> np.ndarray | None:
    """The whole and sound array in `path`, else None."""
    header, length = _header(shape, kind), prod(shape) * kind.itemsize
    try:
        with path.open("rb") as file:
            start = file.read(len(header))
            end = file.seek(0, os.SEEK_END)
            if start != header or end != len(header) + length + SUM_BYTES:
                return None
            file.seek(len(header) + length)
            sum_there = file.read()
        held = np.memmap(path, kind, "r", len(header), shape)
    except OSError:
        return None
    flat = held.reshape(-1)
    step, total = max(1, CHUNK_BYTES // kind.itemsize), 0
    for first in range(0, len(flat), step):
        total = zlib.crc32(flat[first : first + step].data, total)
    return held if sum_there == total.to_bytes(SUM_BYTES, "little") else None


def _write(
    path: Path, shape: tuple[int, ...], kind: np.dtype[Any], pieces: Iterator[np.ndarray]
) -> None:
    total = 0
    with new_file(path) as staging, staging.open("wb") as file:
        file.write(_header(shape, kind))
        for piece in pieces:
            content = np.ascontiguousarray(piece, kind).data
            file.write(content)
            total = zlib.crc32(content, total)
        file.write(total.to_bytes(SUM_BYTES, "little"))


def _in_memory(
    shape: tuple[int, ...], kind: np.dtype[Any], pieces: Iterator[np.ndarray]
) -> np.ndarray:
    whole = np.empty(prod(shape), dtype=kind)
    start = 0
    for piece in pieces:
        whole[start : start + piece.size] = piece.reshape(-1)
        start += piece.size
    return whole.reshape(shape)


def _sweep(path: Path) -> None:
    """Remove what a process that was killed while writing `path` left behind long ago."""
    for left in path.parent.glob(f".{path.stem}.*{STAGING_SUFFIX}{path.suffix}"):
        if time.time() - left.stat().st_mtime > STALE_SECONDS:
            left.unlink(missing_ok=True)
