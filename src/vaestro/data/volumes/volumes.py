"""Volumes from files: whole ones of equal size, or random boxes cut from larger ones.

Shape letters: N samples, C channels, D depth, H height, W width.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from vaestro.data.dataset import DataSet, checked
from vaestro.data.folder_files import folder_files
from vaestro.data.volumes.crops import Crops
from vaestro.data.volumes.sources import LEGAL, Sources, file_sources, folder_sources
from vaestro.data.volumes.volume_files import is_volume_file
from vaestro.foundation.config import Config
from vaestro.foundation.errors import DataError
from vaestro.foundation.samples import Frame

Side = Annotated[int, Field(ge=1)]
FEW_GROUPS = 3
"""The least number of volumes that the three parts of a split can each have one of."""


class VolumesConfig(Config):
    """`path`: a folder of .mrc, .map or .nii files (searched to its depth), or one file. `size`:
    voxels along z, y and x (one number: all three). `crops`: 0 for whole volumes (`size` cuts their
    central boxes); else so many random boxes of `size` an epoch, elsewhere in each epoch, dealt to
    the volumes in turn. `seed`: of the boxes.
    """

    kind: Literal["volumes"] = "volumes"
    path: str | None = None
    size: tuple[Side, Side, Side] | Side | None = None
    crops: Annotated[int, Field(ge=0)] = 0
    seed: Annotated[int, Field(ge=0)] = 0


def load_volumes(config: VolumesConfig) -> DataSet:
    """The volumes (N, C, D, H, W), binary where every voxel is 0 or 1, else real.

    In a folder each file is a volume, and several in one file are its channels; of a single file
    with several, each is a sample. Crops of three volumes or more are grouped by their volume.
    Raises DataError in one line for a missing path, a damaged file, sizes that do not fit, and a
    single volume without crops.
    """
    if config.path is None:
        raise DataError(
            f"this recipe needs data.path: a folder of volume files ({LEGAL}), or one; "
            "give --set data.path=FOLDER"
        )
    path = Path(config.path)
    sources = folder_sources(path) if path.is_dir() else file_sources(path)
    size = (config.size,) * 3 if isinstance(config.size, int) else config.size
    if size is not None:
        _require_room(sources, size)
    sources = sources._replace(values=_smallest(sources.values))
    name = path.resolve().name
    return _cut(name, sources, size, config) if config.crops else _whole(name, sources, size)


def is_volume(path: Path) -> bool:
    """Whether `path` ends as a volume file does, or is a folder with one in it."""
    if path.is_dir():
        return any(map(is_volume_file, folder_files(path)))
    return is_volume_file(path.name)


def _smallest(values: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    """As bytes where every voxel is 0 or 1."""
    if all(bool(((x == 0) | (x == 1)).all()) for x in values):
        return tuple(x.astype(np.uint8) for x in values)
    return values


def _require_room(sources: Sources, size: tuple[int, int, int]) -> None:
    for name, values in zip(sources.names, sources.values, strict=True):
        if any(np.array(values.shape[1:]) < size):
            raise DataError(
                f"{name} has {_times(values.shape[1:])} voxels (z, y, x) and data.size is "
                f"{_times(size)}; give at most what the smallest volume has"
            )


def _cut(
    name: str, sources: Sources, size: tuple[int, int, int] | None, config: VolumesConfig
) -> DataSet:
    if size is None:
        raise DataError(
            f"data.crops={config.crops} needs the size of a crop, such as --set data.size=32"
        )
    crops = Crops(sources.values, size, config.crops, config.seed)
    frame = _boxed(sources.frames[0], (0, 0, 0), size)
    grouped = len(sources.values) >= FEW_GROUPS
    labels = None if sources.labels is None else sources.labels[crops.sources]
    return _data_set(name, crops, sources, labels, frame, crops.sources if grouped else None)


ALONE = (
    "one volume is one sample, too few to train on; cut random boxes from it: "
    "--set data.size=16 --set data.crops=1000"
)


def _whole(name: str, sources: Sources, size: tuple[int, int, int] | None) -> DataSet:
    first = sources.values[0].shape[1:]
    box = size or first
    for other, values in zip(sources.names, sources.values, strict=True):
        if size is None and values.shape[1:] != first:
            raise DataError(
                f"{name}: {sources.names[0]} has {_times(first)} voxels and {other} "
                f"{_times(values.shape[1:])} (z, y, x); cut equal boxes from their middles with "
                "--set data.size=16, or random ones with --set data.crops=1000 as well"
            )
    starts = [[(s - b) // 2 for s, b in zip(x.shape[1:], box, strict=True)] for x in sources.values]
    boxes = [
        x[:, z : z + box[0], y : y + box[1], c : c + box[2]]
        for x, (z, y, c) in zip(sources.values, starts, strict=True)
    ]
    frame = _boxed(sources.frames[0], starts[0], box)
    return _data_set(name, np.stack(boxes), sources, sources.labels, frame, None)


def _data_set(
    name: str,
    values: np.ndarray | Crops,
    sources: Sources,
    labels: np.ndarray | None,
    frame: Frame,
    groups: np.ndarray | None,
) -> DataSet:
    binary = values.dtype == np.uint8
    return checked(
        name,
        values,
        "binary" if binary else "real",
        levels=2 if binary else None,
        labels=labels,
        label_names=sources.label_names,
        groups=groups,
        frame=frame,
        notes=(*sources.notes, *([ALONE] if len(values) == 1 else [])),
    )


def _boxed(frame: Frame, start: Sequence[int], size: Sequence[int]) -> Frame:
    """The frame of a box of `size` voxels (z, y, x) whose first voxel is `start` in `frame`."""
    affine = frame.matrix
    affine[:3, 3] += affine[:3, :3] @ np.array(start[::-1], dtype=np.float64)
    return Frame.of(affine, size[::-1], frame.unit)


def _times(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))
