"""The MRC2014 format of volumes (.mrc, .map), as electron microscopy and crystallography write it.

Source: Cheng et al. 2015, "MRC2014: Extensions to the MRC format header". A file says which of the
axes x, y, z (1, 2, 3) its columns, rows and sections are; a stack of volumes has space group 401.

Shape letters: K volumes, D depth (z), H height (y), W width (x).
"""

from contextlib import suppress
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from vaestro.data.volumes.header_checks import require_real, require_voxels
from vaestro.foundation.errors import DataError, one_line
from vaestro.foundation.files import new_file

HEADER_BYTES = 1024
STAMP = 212


def read_mrc(path: Path, raw: bytes) -> tuple[np.ndarray, np.ndarray]:
    """What `raw`, the content of `path`, holds: (D, H, W) or (K, D, H, W) as float32, and the
    affine in angstrom. Raises DataError when it is no MRC file, cut off or of complex numbers.
    """
    from mrcfile.utils import data_dtype_from_header, data_shape_from_header

    try:
        header = _header(raw)
        kind, shape = data_dtype_from_header(header), data_shape_from_header(header)
    except (ValueError, ZeroDivisionError) as fault:
        raise DataError(f"{path} is no MRC file ({one_line(str(fault))})") from None
    require_real(path, kind)
    start = HEADER_BYTES + max(0, int(header.nsymbt))
    require_voxels(path, shape, kind, len(raw) - start)
    data = np.frombuffer(raw, kind, prod(shape), start).reshape(shape)
    if data.ndim < 3:
        raise DataError(
            f"{path} holds one image of {shape[0]} x {shape[1]}, and a volume is needed; give a "
            "folder of pictures, or an .npy of images"
        )
    axes = [int(header.maps), int(header.mapr), int(header.mapc)]
    axes = [3, 2, 1] if axes == [0, 0, 0] else axes
    if sorted(axes) != [1, 2, 3]:
        raise DataError(
            f"{path}: its header says that columns, rows and sections are the axes "
            f"{axes[::-1]}; legal are 1, 2 and 3 in some order"
        )
    lead = data.ndim - 3
    order = [*range(lead), *(lead + axes.index(axis) for axis in (3, 2, 1))]
    values = np.ascontiguousarray(data.transpose(order), dtype=np.float32)
    with np.errstate(all="ignore"):  # a nonsensical cell gives NaN, which the caller refuses
        return values, _affine(header, axes)


def _header(raw: bytes) -> Any:
    """The header's fields, in the byte order of its machine stamp, or in the other where only that
    gives a mode that exists: stamps are sometimes missing or wrong. Raises ValueError for none.
    """
    from mrcfile.dtypes import HEADER_DTYPE
    from mrcfile.utils import dtype_from_mode

    stamped = ">" if raw[STAMP : STAMP + 1] == b"\x11" else "<"
    for order in (stamped, "<" if stamped == ">" else ">"):
        kind = HEADER_DTYPE.newbyteorder(order)
        header = np.frombuffer(raw, kind, 1).reshape(()).view(np.recarray)
        with suppress(ValueError):
            dtype_from_mode(header.mode)
            return header
    raise ValueError("its header has no mode that exists")


def _affine(header: Any, axes: list[int]) -> np.ndarray:
    """Voxel (i, j, k) to angstrom along x, y, z; `axes`: those of sections, rows, columns."""
    grid = np.array([header.mx, header.my, header.mz], dtype=np.float64)
    cell = np.array([header.cella.x, header.cella.y, header.cella.z], dtype=np.float64)
    angles = np.array([header.cellb.alpha, header.cellb.beta, header.cellb.gamma], np.float64)
    lengths = np.ones(3)  # a voxel without a stated size is 1 angstrom
    np.divide(cell, grid, out=lengths, where=(grid > 0) & (cell > 0))
    affine = np.eye(4)
    affine[:3, :3] = _cell(lengths, angles if (angles > 0).all() else np.full(3, 90.0))
    origin = np.array([header.origin.x, header.origin.y, header.origin.z], dtype=np.float64)
    starts = (header.nzstart, header.nystart, header.nxstart)  # of sections, rows, columns
    first = np.array([float(starts[axes.index(axis)]) for axis in (1, 2, 3)])
    affine[:3, 3] = origin if origin.any() else affine[:3, :3] @ first
    return affine


def _cell(lengths: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Cell vectors as columns: a along x, b in the plane of x and y (PDB, CCP4); degrees.

    The column of c is (cos beta, (cos alpha - cos beta cos gamma) / sin gamma, rest).
    """
    alpha, beta, gamma = np.where(angles == 90, 0.0, np.cos(np.radians(angles)))
    sine = np.sqrt(1 - gamma**2)
    slant = (alpha - beta * gamma) / sine
    height = np.sqrt(max(0.0, 1 - beta**2 - slant**2))
    columns = np.array([[1, gamma, beta], [0, sine, slant], [0, 0, height]])
    vectors: np.ndarray = columns * lengths
    return vectors


def write_mrc(path: Path, content: np.ndarray, affine: np.ndarray) -> None:
    """Write (D, H, W), or (K, D, H, W) as a volume stack, with an affine in angstrom.

    Raises DataError for an affine that is turned or mirrored.
    """
    import mrcfile

    vectors = affine[:3, :3]
    lengths = np.sqrt((vectors**2).sum(0))
    a, b, c = (vectors / lengths).T
    angles = np.degrees(np.arccos(np.clip([b @ c, a @ c, a @ b], -1, 1)))
    angles = np.where(np.abs(angles - 90) < 1e-4, 90.0, angles)
    if not np.allclose(_cell(lengths, angles), vectors, rtol=0, atol=1e-4 * lengths.min()):
        raise DataError(
            f"{path}: the volumes lie turned or mirrored and .mrc keeps no rotation; "
            "write them as .nii or .nii.gz"
        )
    with new_file(path) as staging, mrcfile.new(staging, overwrite=True) as file:
        file.set_data(np.ascontiguousarray(content))
        if content.ndim == 3:
            file.set_volume()
        file.voxel_size = tuple(lengths)
        for name, angle in zip(("alpha", "beta", "gamma"), angles, strict=True):
            file.header.cellb[name] = angle
        for name, offset in zip("xyz", affine[:3, 3], strict=True):
            file.header.origin[name] = offset
        file.header.label[0] = b"vaestro"  # the library's own label holds the time
