"""The idx format of the MNIST family, gzipped or raw.

Layout: two zero bytes, a type code, the number of axes, each axis as a big-endian uint32, then the
numbers, big-endian, last axis fastest (LeCun, Cortes and Burges).
"""

import re
import struct
from math import prod
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from vaestro.data.dataset import DataSet, checked
from vaestro.data.images.binarise import Binarise, binarised
from vaestro.data.opening import opened, read_bytes
from vaestro.foundation.config import Config
from vaestro.foundation.errors import DataError

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
NAMED = re.compile(r"[-.]idx\d")
"""How the family's files are named: train-images-idx3-ubyte, train-images.idx3-ubyte."""
PARTS = ("train-images", "train-labels", "t10k-images", "t10k-labels")
WANTED = (
    "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and "
    "t10k-labels-idx1-ubyte"
)


class IdxConfig(Config):
    """`path`: a folder with the four files of an MNIST-like set, or one idx file of images.

    `binarise` draws each pixel as 0 or 1, 1 with probability its grey: once, or anew in every epoch
    of training (then validation, test and evaluation keep one draw); `seed`: of the draws.
    """

    kind: Literal["idx"] = "idx"
    path: str | None = None
    binarise: Binarise = "no"
    seed: Annotated[int, Field(ge=0)] = 0


def load_idx(config: IdxConfig) -> DataSet:
    """Images as bytes (N, 1, H, W), shown in [0, 1] or drawn as 0 and 1; labels and official test
    part if there.

    Raises DataError when the path is missing or a file is damaged or does not fit the others.
    """
    if config.path is None:
        raise DataError(
            f"this recipe needs data.path: the folder with the idx files {WANTED}, "
            "gzipped or not; give --set data.path=FOLDER"
        )
    path = Path(config.path)
    if not path.exists():
        raise DataError(
            f"there is no file or folder {path}; give the folder that holds {WANTED}: "
            "--set data.path=FOLDER"
        )
    if path.is_file():
        return _images(path.name, config, read_idx(path), None, None)
    files = {part: _find(path, part) for part in PARTS}
    if files["train-images"] is None:
        raise DataError(
            f"{path} holds no train-images-idx3-ubyte (or .gz); give the folder that holds {WANTED}"
        )
    return _folder(config, path, files)


def read_idx(path: Path) -> np.ndarray:
    """The array in one idx file. Raises DataError for a wrong magic number or a wrong length."""
    raw = read_bytes(path)
    if not _is_magic(raw[:4]):
        raise DataError(
            f"{path} is no idx file: it starts with {raw[:4].hex() or 'nothing'}, and legal starts "
            "are 0000, a type code (08, 09, 0b, 0c, 0d, 0e) and the number of axes"
        )
    axes, header = raw[3], 4 + 4 * raw[3]
    if len(raw) < header:
        raise DataError(f"{path} is cut off in its header: {len(raw)} of {header} bytes")
    shape = struct.unpack(f">{axes}I", raw[4:header])
    kind = np.dtype(TYPES[raw[2]])
    wanted = header + prod(shape) * kind.itemsize
    if len(raw) != wanted:
        raise DataError(
            f"{path} says shape {shape}, which needs {wanted} bytes, and has {len(raw)}; "
            "it is cut off or not what it says"
        )
    values = np.frombuffer(raw, kind, offset=header).reshape(shape)
    return values.astype(kind.newbyteorder("="), copy=True)


def holds_idx(path: Path) -> bool:
    """Whether `path` is an idx file, or a folder with idx files of images."""
    if path.is_dir():
        return any("idx3" in inner.name for inner in path.iterdir())
    return NAMED.search(path.name) is not None or is_idx(path)


def is_idx(path: Path) -> bool:
    """Whether the file at `path`, gzipped or not, starts as an idx file does."""
    with opened(path) as file:
        return _is_magic(file.read(4))


def _is_magic(start: bytes) -> bool:
    return len(start) == 4 and start[:2] == b"\0\0" and start[2] in TYPES and start[3] > 0


def _find(folder: Path, part: str) -> Path | None:
    axes = "3" if "images" in part else "1"
    for dash in ("-", "."):
        for ending in ("", ".gz"):
            path = folder / f"{part}{dash}idx{axes}-ubyte{ending}"
            if path.is_file():
                return path
    return None


def _folder(config: IdxConfig, path: Path, files: dict[str, Path | None]) -> DataSet:
    images, labels = [], []
    for which in ("train", "t10k"):
        pictures, names = files[f"{which}-images"], files[f"{which}-labels"]
        if pictures is None:
            continue
        images.append(read_idx(pictures))
        if names is not None:
            labels.append(read_idx(names))
            if len(labels[-1]) != len(images[-1]):
                raise DataError(
                    f"{pictures} has {len(images[-1])} images and {names} {len(labels[-1])} labels"
                )
    if len({part.shape[1:] for part in images}) > 1:
        raise DataError(
            f"{path}: train and t10k images differ in size: "
            f"{images[0].shape[1:]} and {images[1].shape[1:]}"
        )
    if 0 < len(labels) < len(images):
        absent = "train-labels" if files["train-labels"] is None else "t10k-labels"
        raise DataError(
            f"{path} has labels for one part only; put {absent}-idx1-ubyte (or .gz) beside them"
        )
    total = sum(map(len, images))
    test = np.arange(len(images[0]), total) if len(images) == 2 else None
    known = np.concatenate(labels) if len(labels) == len(images) else None
    return _images(path.resolve().name, config, np.concatenate(images), known, test)


def _images(
    name: str,
    config: IdxConfig,
    values: np.ndarray,
    labels: np.ndarray | None,
    test: np.ndarray | None,
) -> DataSet:
    if values.ndim != 3:
        raise DataError(
            f"{config.path} has shape {values.shape}, and images have three axes: samples, height, "
            "width" + ("; these are labels: give the folder that they lie in" * (values.ndim == 1))
        )
    grids = values[:, None]
    if config.binarise != "no":
        drawn = binarised(name, grids, config.binarise, config.seed)
        return checked(name, drawn, "binary", labels=labels, official_test=test)
    if values.dtype == np.uint8:
        return checked(
            name, grids, "unit", scale=1 / 255, levels=256, labels=labels, official_test=test
        )
    return checked(name, grids.astype(np.float32), "real", labels=labels, official_test=test)
