"""The volumes that a folder of files or one file gives, before any box is cut from them.

Shape letters: K volumes of one file, C channels, D depth, H height, W width.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vaestro.data.folder_files import folder_files, folder_labels, left_out
from vaestro.data.volumes.volume_files import ENDINGS, is_volume_file, read_volume
from vaestro.foundation.errors import DataError
from vaestro.foundation.samples import Frame

LEGAL = f"{', '.join(ENDINGS)}, also .gz"


class Sources(NamedTuple):
    """values: each (C, D, H, W); names: what to call them; frames: where they lie; labels by the
    folders of the files, or None, and what these are called; notes: what was left out."""

    values: tuple[np.ndarray, ...]
    names: tuple[str, ...]
    frames: tuple[Frame, ...]
    labels: np.ndarray | None = None
    label_names: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()


def folder_sources(path: Path) -> Sources:
    """Each volume file below the folder `path`, in sorted order; several in a file are channels.

    Raises DataError in one line for no such file, a damaged one, or unequal channels.
    """
    files = sorted(folder_files(path))
    names = tuple(filter(is_volume_file, files))
    if not names:
        held = f"{len(files)} other files, such as {files[0]}" if files else "nothing"
        raise DataError(f"{path} holds no volume files ({LEGAL}); it holds {held}")
    read = [read_volume(path / name) for name in names]
    values = tuple(x.values if x.values.ndim == 4 else x.values[None] for x in read)
    for (first, one), (second, other) in pairwise(zip(names, values, strict=True)):
        if len(one) != len(other):
            raise DataError(
                f"{path}: {first} has {len(one)} channels and {second} {len(other)}; "
                "every file needs as many"
            )
    labels, called = folder_labels(names)
    frames = tuple(x.frame for x in read)
    others = [name for name in files if not is_volume_file(name)]
    notes = left_out(others, "volumes") + _spacing_note(names, frames) + _turn_note(names, frames)
    return Sources(values, names, frames, labels, called, notes)


def file_sources(path: Path) -> Sources:
    """Each volume in the file `path`. Raises DataError in one line for a damaged file."""
    values, frame = read_volume(path)
    if values.ndim == 3:
        return Sources((values[None],), (path.name,), (frame,))
    names = tuple(f"volume {number} of {path.name}" for number in range(len(values)))
    return Sources(tuple(volume[None] for volume in values), names, (frame,) * len(values))


def _spacing_note(names: Sequence[str], frames: Sequence[Frame]) -> tuple[str, ...]:
    """Told where voxels differ in size: the network sees voxels, not millimetres."""
    for name, frame in zip(names, frames, strict=True):
        alike = np.allclose(frame.voxel_sizes, frames[0].voxel_sizes, rtol=0.01)
        if not alike or frame.unit != frames[0].unit:
            mine, first = (
                f"{'x'.join(f'{length:.4g}' for length in f.voxel_sizes)} {f.unit}"
                for f in (frame, frames[0])
            )
            return (
                f"voxels differ in size: {first} in {names[0]} and {mine} in {name}; results are "
                "written with the first",
            )
    return ()


def _turn_note(names: Sequence[str], frames: Sequence[Frame]) -> tuple[str, ...]:
    """Told where the axes of voxels run other ways: the network would see mirrored or turned
    bodies beside upright ones."""
    first = _directions(frames[0])
    for name, frame in zip(names, frames, strict=True):
        if _directions(frame) != first:
            return (
                f"axes run different ways: {first} in {names[0]} and {_directions(frame)} in "
                f"{name}; voxels are read as they lie in each file, so turn them all one way first",
            )
    return ()


def _directions(frame: Frame) -> str:
    """The signed axis of the world nearest to each axis of voxels, such as +x +y -z."""
    steps = frame.matrix[:3, :3]
    nearest = np.abs(steps).argmax(0)
    return " ".join(
        f"{'+' if steps[at, i] > 0 else '-'}{'xyz'[at]}" for i, at in enumerate(nearest)
    )
