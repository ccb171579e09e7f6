"""Small NORB: stereo photographs of 50 toys on a turntable, in its six official files.

Source: LeCun, Huang and Bottou, "Learning methods for generic object recognition with invariance
to pose and lighting" (CVPR 2004); small NORB v1.0. Each part has pictures (P, 2, 96, 96) uint8,
categories (P,) and, for each pair, instance, elevation, azimuth and lighting (P, 4).

Shape letters: P stereo pairs, N samples, E eyes a sample, H height, W width.
"""

import re
from pathlib import Path
from typing import Literal, NamedTuple, Self

import numpy as np
from pydantic import model_validator

from vaestro.data.dataset import DataSet
from vaestro.data.images.matrix import read_matrix
from vaestro.data.images.turntable import (
    AZIMUTHS,
    CATEGORIES,
    ELEVATIONS,
    INSTANCES,
    LIGHTINGS,
    Parts,
    TurntableConfig,
    annotated,
    eyes,
    turntable,
)
from vaestro.foundation.errors import DataError

WANTED = (
    "smallnorb-5x46789x9x18x6x2x96x96-training-{dat,cat,info}.mat and "
    "smallnorb-5x01235x9x18x6x2x96x96-testing-{dat,cat,info}.mat, or "
    "norb_{train,test}_{image,category,info}, gzipped or not"
)
NAME = re.compile(
    r"(?:smallnorb-.*-(training|testing)-(dat|cat|info)|norb_(train|test)_(image|category|info))"
    r"(?:\.mat)?(?:\.gz)?",
    re.IGNORECASE,
)
ROLES = {"image": "dat", "category": "cat"}
COPIED_AT_ONCE = 1000
CODES = {
    "category": range(len(CATEGORIES)),
    "instance": range(INSTANCES),
    "elevation": range(ELEVATIONS),
    "azimuth": range(0, 2 * AZIMUTHS, 2),
    "lighting": range(LIGHTINGS),
}


class NorbConfig(TurntableConfig):
    """`path`: the folder with the six files; one of the two official parts alone is read too.
    The parts are those of whole toys, taken from both official files: in each category, the toys
    numbered `test_instances` and `validation_instances` are the official test and validation part;
    toys in none of the three are left out.
    """

    kind: Literal["norb"] = "norb"
    path: str | None = None
    train_instances: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    validation_instances: tuple[int, ...] = (7, 8)
    test_instances: tuple[int, ...] = (9,)

    @property
    def parts(self) -> Parts:
        """The three lists of instances."""
        return Parts(self.train_instances, self.validation_instances, self.test_instances)

    @model_validator(mode="after")
    def _each_instance_once(self) -> Self:
        listed = [number for part in self.parts for number in part]
        outside = sorted({number for number in listed if not 0 <= number < INSTANCES})
        twice = sorted({number for number in listed if listed.count(number) > 1})
        if outside:
            raise ValueError(f"instances {outside} do not exist; legal: 0 to {INSTANCES - 1}")
        if twice:
            raise ValueError(f"instances {twice} are listed twice; each toy is in one part only")
        if not self.train_instances:
            raise ValueError("train_instances is empty; give at least one of 0 to 9")
        return self


class _Part(NamedTuple):
    """pictures: (P, 2, H, W) uint8; objects: (P, 5) category, instance, and codes of the view."""

    pictures: np.ndarray
    objects: np.ndarray


def load_norb(config: NorbConfig) -> DataSet:
    """Pictures as bytes (N, E, H, W), shown in [0, 1], official training file first.

    Raises DataError when the folder or a file is missing, damaged or does not fit the others.
    """
    if config.path is None:
        raise DataError(
            f"this recipe needs data.path: the folder with the files {WANTED}; "
            "give --set data.path=FOLDER"
        )
    folder = Path(config.path)
    files = _files(folder)
    parts = [_read(folder, which, files) for which in ("training", "testing") if which in files]
    if len({part.pictures.shape[1:] for part in parts}) > 1:
        shapes = " and ".join(str(part.pictures.shape[2:]) for part in parts)
        raise DataError(f"{folder}: training and testing pictures differ in size: {shapes}")
    return _chosen(folder, parts, config)


def is_norb_folder(path: Path) -> bool:
    """Whether `path` is a folder with pictures of small NORB, judged by the names of its files."""
    return path.is_dir() and any("dat" in roles for roles in _listed(path).values())


def _files(folder: Path) -> dict[str, dict[str, Path]]:
    """The files in `folder` by official part and role."""
    if not folder.is_dir():
        what = f"{folder} is a file" if folder.exists() else f"there is no folder {folder}"
        raise DataError(f"{what}; give the folder that holds {WANTED}: --set data.path=FOLDER")
    files = _listed(folder)
    if not any("dat" in roles for roles in files.values()):
        raise DataError(f"{folder} holds no pictures of small NORB; it needs {WANTED}")
    return files


def _listed(folder: Path) -> dict[str, dict[str, Path]]:
    found: dict[str, dict[str, Path]] = {}
    try:
        paths = sorted(folder.iterdir(), reverse=True)  # a raw file comes after its .gz, and wins
    except OSError as fault:
        raise DataError(f"{folder} cannot be read: {fault.strerror or fault}") from None
    for path in paths:
        match = NAME.fullmatch(path.name)
        if match and path.is_file():
            part, role = (name.lower() for name in match.groups() if name)
            part = part.removesuffix("ing") + "ing"
            found.setdefault(part, {})[ROLES.get(role, role)] = path
    return found


def _read(folder: Path, which: str, files: dict[str, dict[str, Path]]) -> _Part:
    """One official part, its three files checked against each other."""
    missing = [role for role in ("dat", "cat", "info") if role not in files[which]]
    if missing:
        raise DataError(
            f"{folder} lacks the {' and '.join(missing)} file of the {which} part; "
            f"it needs {WANTED}"
        )
    paths = files[which]
    pictures, category, info = (read_matrix(paths[role]) for role in ("dat", "cat", "info"))
    if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[1] != 2:
        raise DataError(
            f"{paths['dat']} holds {pictures.dtype} of shape {pictures.shape}; "
            "small NORB has uint8 of shape (pairs, 2, height, width)"
        )
    pairs = len(pictures)
    for role, found, wanted in (("cat", category, (pairs,)), ("info", info, (pairs, 4))):
        if found.dtype.kind != "i" or found.shape != wanted:
            raise DataError(
                f"{paths['dat']} has {pairs} pairs and {paths[role]} {found.dtype} of shape "
                f"{found.shape}; whole numbers of shape {wanted} are needed"
            )
    objects = np.column_stack((category, info)).astype(np.int64)
    _require_codes(paths, objects)
    return _Part(pictures, objects)


def _require_codes(paths: dict[str, Path], objects: np.ndarray) -> None:
    for (name, legal), column in zip(CODES.items(), objects.T, strict=True):
        wrong = ~np.isin(column, legal)
        if wrong.any():
            first = int(wrong.argmax())
            step = f" in steps of {legal.step}" if legal.step > 1 else ""
            raise DataError(
                f"{paths['cat' if name == 'category' else 'info']}: {name} of pair {first} is "
                f"{column[first]}; legal: {legal.start} to {legal[-1]}{step}"
            )


def _chosen(folder: Path, parts: list[_Part], config: NorbConfig) -> DataSet:
    """The wanted eyes of the wanted toys, in one array; no picture is held twice."""
    wanted = [instance for part in config.parts for instance in part]
    kept = [np.flatnonzero(np.isin(part.objects[:, 1], wanted)) for part in parts]
    objects = np.concatenate([part.objects[rows] for part, rows in zip(parts, kept, strict=True)])
    if not np.isin(objects[:, 1], config.train_instances).any():
        held = sorted({int(number) for part in parts for number in part.objects[:, 1]})
        raise DataError(
            f"{folder} holds the instances {held} and train_instances is "
            f"{list(config.train_instances)}; no picture is left to train on"
        )
    shape = eyes(parts[0].pictures[:1], config.stereo).shape[1:]
    values = np.empty((len(objects), *shape), dtype=np.uint8)
    start = 0
    for part, rows in zip(parts, kept, strict=True):
        for first in range(0, len(rows), COPIED_AT_ONCE):
            some = eyes(part.pictures[rows[first : first + COPIED_AT_ONCE]], config.stereo)
            values[start : start + len(some)] = some
            start += len(some)
    left_out = sum(len(part.objects) for part in parts) - len(objects)
    notes = (f"left out {left_out} stereo pairs of toys in no part.",) if left_out else ()
    annotations = annotated(objects, config.stereo)
    return turntable("small NORB", values, annotations, config, config.parts, notes)
