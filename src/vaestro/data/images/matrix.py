"""The binary matrix files of the NORB family, gzipped or raw.

Layout, all little-endian: a uint32 magic number that tells the number type, the number of axes as
uint32, each axis as uint32 (at least three are written, the spare ones being 1), then the numbers,
last axis fastest. Source: the data format section of the small NORB pages (Huang and LeCun, 2005).
"""

import struct
from io import BytesIO
from math import prod
from pathlib import Path
from typing import BinaryIO

import numpy as np

from vaestro.data.opening import opened
from vaestro.foundation.errors import DataError
from vaestro.foundation.files import new_file

TYPES = {
    0x1E3D4C51: "<f4",
    0x1E3D4C53: "<f8",
    0x1E3D4C54: "<i4",
    0x1E3D4C55: "u1",
    0x1E3D4C56: "<i2",
}
PACKED = 0x1E3D4C52
LEAST_AXES = 3
LEGAL = ", ".join(f"{magic:08x} {np.dtype(kind).name}" for magic, kind in TYPES.items())


def read_matrix(path: Path) -> np.ndarray:
    """The array in one matrix file, read-only; a raw file is mapped, not read.

    Raises DataError for a wrong magic number, a packed matrix, or a wrong length.
    """
    with opened(path) as file:
        kind, shape, offset = _header(path, file)
        wanted = offset + prod(shape) * kind.itemsize
        length = file.seek(0, 2)
        if length != wanted or prod(shape) == 0:
            raise DataError(
                f"{path} says shape {shape} of {kind.name}, which needs {wanted} bytes, and has "
                f"{length}; it is cut off, empty or not what it says"
            )
        if isinstance(file, BytesIO):
            file.seek(0)
            return np.frombuffer(file.read(), kind, offset=offset).reshape(shape)
        return np.memmap(path, kind, "r", offset, shape)


def write_matrix(path: Path, array: np.ndarray) -> None:
    """Write `array` raw to `path`, whole or not at all; `read_matrix` reads it back.

    Raises DataError for a number type or a number of axes that the format does not have.
    """
    magics = {np.dtype(kind): magic for magic, kind in TYPES.items()}
    kind = array.dtype.newbyteorder("<")
    if kind not in magics or not array.ndim:
        raise DataError(
            f"a matrix file holds float32, float64, int32, uint8 or int16 of at least one axis, "
            f"not {array.dtype} of shape {array.shape}; convert it first"
        )
    axes = (*array.shape, *[1] * (LEAST_AXES - array.ndim))
    with new_file(path) as staging, staging.open("wb") as file:
        file.write(struct.pack(f"<{2 + len(axes)}I", magics[kind], array.ndim, *axes))
        file.write(np.ascontiguousarray(array, kind).data)


def is_matrix(path: Path) -> bool:
    """Whether the file at `path`, gzipped or not, starts as a matrix file does."""
    with opened(path) as file:
        start = file.read(4)
    return len(start) == 4 and struct.unpack("<I", start)[0] in (*TYPES, PACKED)


def _header(path: Path, file: BinaryIO) -> tuple[np.dtype, tuple[int, ...], int]:
    """The number type, the shape, and where the numbers begin."""
    start = file.read(8)
    if len(start) < 8:
        raise DataError(f"{path} is cut off in its header: {len(start)} of at least 20 bytes")
    magic, axes = struct.unpack("<2I", start)
    if magic == PACKED:
        raise DataError(f"{path} is a packed matrix ({magic:08x}), which is not read; unpack it")
    if magic not in TYPES:
        raise DataError(f"{path} is no matrix file: it starts with {magic:08x}; legal: {LEGAL}")
    written = max(axes, LEAST_AXES)
    if not 1 <= axes <= 32:
        raise DataError(f"{path} says that it has {axes} axes; legal: 1 to 32; it is damaged")
    sizes = file.read(4 * written)
    if len(sizes) < 4 * written:
        raise DataError(
            f"{path} is cut off in its header: {8 + len(sizes)} of {8 + 4 * written} bytes"
        )
    shape = struct.unpack(f"<{written}I", sizes)[:axes]
    return np.dtype(TYPES[magic]), shape, 8 + 4 * written
