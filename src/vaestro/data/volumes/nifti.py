"""The NIfTI format of volumes (.nii), as medical imaging writes it.

Source: the NIfTI-1.1 and NIfTI-2 standards. The first axis, x, varies fastest.

Shape letters: K volumes, D depth (z), H height (y), W width (x).
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from vaestro.data.volumes.header_checks import require_real, require_voxels
from vaestro.foundation.errors import DataError, one_line

MILLIMETRES = {"meter": 1e3, "mm": 1.0, "micron": 1e-3}
"""How many of them one unit of length is; an unknown unit is taken for the millimetre."""
LONGEST_AXIS = 32767
"""The most voxels along an axis of NIfTI-1, which has 16 bits for them."""


def read_nifti(path: Path, raw: bytes) -> tuple[np.ndarray, np.ndarray]:
    """What `raw`, the content of `path`, holds: (D, H, W) or (K, D, H, W) as float32, and the
    affine in millimetres. Raises DataError when it is no NIfTI file, cut off or not of
    real numbers.
    """
    import nibabel

    second = raw[:4] in (b"\x1c\x02\0\0", b"\0\0\x02\x1c")  # a NIfTI-2 header has 540 bytes
    kind: Any = nibabel.Nifti2Image if second else nibabel.Nifti1Image
    try:
        with _quiet():
            image = kind.from_bytes(raw)
            shape, stored = image.shape, image.get_data_dtype()
            require_real(path, stored)
            require_voxels(path, shape, stored, len(raw) - int(image.dataobj.offset))
            values = np.asarray(image.dataobj, dtype=np.float32)
            length = image.header.get_xyzt_units()[0]
    except DataError:
        raise
    except Exception as fault:  # damaged headers lead the library to many types of them
        raise DataError(f"{path} is no NIfTI file or damaged ({one_line(str(fault))})") from None
    if values.ndim == 5 and values.shape[3] == 1:
        values = values[:, :, :, 0]  # vectors lie along the fifth axis
    if values.ndim not in (3, 4):
        raise DataError(f"{path} has {values.ndim} axes {shape}; legal: x, y, z and at most one")
    affine = np.array(image.affine, dtype=np.float64)
    affine[:3] *= MILLIMETRES.get(length, 1.0)
    return np.ascontiguousarray(values.T), affine


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the library's remarks on headers, which go to stderr, and numpy's on overflows."""
    logger = logging.getLogger("nibabel.global")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def nifti_bytes(content: np.ndarray, affine: np.ndarray) -> bytes:
    """A NIfTI file of (D, H, W), or of (K, D, H, W) as four axes; the affine in millimetres."""
    import nibabel

    array = content.T
    kind: Any = nibabel.Nifti2Image if max(array.shape) > LONGEST_AXIS else nibabel.Nifti1Image
    image = kind(array, affine)
    image.header.set_xyzt_units("mm")
    raw: bytes = image.to_bytes()
    return raw
