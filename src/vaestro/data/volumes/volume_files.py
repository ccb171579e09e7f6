"""Volumes to and from files: MRC2014 (.mrc, .map) and NIfTI (.nii), gzipped or not.

Sources: Cheng et al. 2015 (MRC2014), the NIfTI-1 and NIfTI-2 standards.

Shape letters: K volumes of one file, N samples, C channels, D depth, H height, W width: the axes
(D, H, W) are (z, y, x), that is (k, j, i) of the frame's affine.
"""

import gzip
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vaestro.data.opening import read_bytes
from vaestro.data.volumes.mrc import read_mrc, write_mrc
from vaestro.data.volumes.nifti import nifti_bytes, read_nifti
from vaestro.foundation.errors import DataError
from vaestro.foundation.files import write_bytes
from vaestro.foundation.samples import Frame

MRC_ENDINGS = (".mrc", ".map")
ENDINGS = (*MRC_ENDINGS, ".nii")
WRITTEN = (*ENDINGS, ".nii.gz")
ANGSTROM_PER_MM = 1e7


class Volumes(NamedTuple):
    """values: (D, H, W), or (K, D, H, W) of a file of several, float32; frame: where they lie."""

    values: np.ndarray
    frame: Frame


def is_volume_file(name: str) -> bool:
    """Whether `name` ends as a volume's file does, with or without .gz."""
    return name.lower().removesuffix(".gz").endswith(ENDINGS)


def read_volume(path: Path) -> Volumes:
    """The volume in `path`, or the K of an MRC volume stack or a 4-D NIfTI file.

    MRC: the axes are put in the order z, y, x whatever order the file has; angstrom; the origin,
    or where it is 0 the start of the grid. NIfTI: scaled as the header says; the sform, else the
    qform; millimetres. Raises DataError in one line for a file that is missing, cut off, no volume,
    or that holds complex numbers, colours, NaN, or an affine without an inverse.
    """
    if not is_volume_file(path.name):
        raise DataError(f"{path} is no volume file; legal endings: {', '.join(ENDINGS)} (also .gz)")
    raw = read_bytes(path)
    is_mrc = path.name.lower().removesuffix(".gz").endswith(MRC_ENDINGS)
    values, affine = (read_mrc if is_mrc else read_nifti)(path, raw)
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) == 0:
        raise DataError(
            f"{path}: its affine has no inverse, so its voxels lie nowhere; repair the header"
        )
    if not np.isfinite(values).all():
        bad = int((~np.isfinite(values)).sum())
        raise DataError(
            f"{path}: {bad:,} of {values.size:,} voxels are NaN, infinite or beyond 3e38 (float32);"
            " repair them or leave the file out"
        )
    return Volumes(values, Frame.of(affine, values.shape[:-4:-1], "angstrom" if is_mrc else "mm"))


def write_volumes(path: Path, volumes: np.ndarray, frame: Frame | None = None) -> None:
    """Write natural volumes (N, C, D, H, W) to .mrc, .map, .nii or .nii.gz, whole or not at all.

    One volume is written as one; several as an MRC volume stack (space group 401) or a 4-D NIfTI
    file, the channels of a sample behind one another. The frame's affine is kept, in the unit of
    the format; without one a voxel is 1. Raises DataError for another ending, or an affine that
    MRC cannot hold: it has a cell and an origin and knows no rotation.
    """
    volumes = volumes.reshape(-1, *volumes.shape[2:]).astype(np.float32, copy=False)
    content = volumes[0] if len(volumes) == 1 else volumes
    affine = np.eye(4) if frame is None else frame.matrix
    name = path.name.lower()
    if name.endswith(MRC_ENDINGS):
        if frame is not None and frame.unit == "mm":
            affine[:3] *= ANGSTROM_PER_MM
        write_mrc(path, content, affine)
    elif name.endswith((".nii", ".nii.gz")):
        if frame is not None and frame.unit == "angstrom":
            affine[:3] /= ANGSTROM_PER_MM
        raw = nifti_bytes(content, affine)
        write_bytes(path, gzip.compress(raw, mtime=0) if name.endswith(".gz") else raw)
    else:
        raise DataError(f"{path}: volumes are written as {', '.join(WRITTEN)}")
