"""All streamlines of a file or a folder of files, with labels, groups and numbers per streamline.

Shape letters: N streamlines of all files together.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from vaestro.data.streamlines.folders import GroupsFrom, grouped_by, named_by, tractogram_files
from vaestro.data.streamlines.lines import Lines
from vaestro.data.streamlines.streamline_files import read_any, read_tractogram
from vaestro.data.streamlines.tractogram import Tractogram
from vaestro.foundation.errors import DataError
from vaestro.foundation.samples import Frame


class Gathered(NamedTuple):
    """Every streamline of the files, before anything is left out. labels, groups: (N,) or None."""

    lines: Lines
    file_numbers: np.ndarray
    labels: np.ndarray | None
    label_names: tuple[str, ...] | None
    groups: np.ndarray | None
    covariates: dict[str, np.ndarray]
    frame: Frame | None
    notes: tuple[str, ...]


def gathered(path: Path, labels: str, groups: GroupsFrom, lenient: bool = False) -> Gathered:
    """All that the file or folder `path` holds; `labels` and `groups` as in StreamlinesConfig. With
    `lenient`, labels that the files lack are done without.

    Raises DataError when a file is damaged, or none has streamlines or the labels asked for.
    """
    files = tractogram_files(path)
    read = [read_tractogram(files[0])] if len(files) == 1 else [read_any(f) for f in files]
    empty = [f.name for f, t in zip(files, read, strict=True) if len(t.lines) == 0]
    full = [(f, t) for f, t in zip(files, read, strict=True) if len(t.lines)]
    if not full:
        raise DataError(f"{path}: each of the {len(files)} tractograms in it holds 0 streamlines")
    files, tractograms = [f for f, _ in full], [t for _, t in full]
    file_numbers = np.repeat(np.arange(len(files)), [len(t.lines) for t in tractograms])
    numbers, names = _labels(labels, path, files, tractograms, lenient)
    grouping = grouped_by(path, files, labels, groups)
    covariates, notes = _shared_columns(tractograms, labels)
    if grouping is not None:
        count = len({group for group in grouping if group is not None})
        notes.append(f"{count} groups of files (subjects) are never divided by a split")
    if empty:
        notes.append(f"{len(empty)} files without streamlines left out: {', '.join(empty[:5])}")
    return Gathered(
        Lines.joined(t.lines for t in tractograms),
        file_numbers,
        numbers,
        names,
        None if grouping is None else _group_numbers(grouping, file_numbers),
        covariates,
        *_frame(files, tractograms, [note for t in tractograms for note in t.notes] + notes),
    )


def _labels(
    how: str, path: Path, files: list[Path], tractograms: list[Tractogram], lenient: bool
) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
    if how in ("auto", "file", "folder", "none"):
        named = named_by(files, how)
        if named is None:
            return None, None
        numbers, names = numbered(named)
        return np.repeat(numbers, [len(t.lines) for t in tractograms]), names
    if not all(how in t.per_streamline for t in tractograms):
        if lenient:
            return _labels("auto", path, files, tractograms, lenient)
        known = sorted({name for t in tractograms for name in t.per_streamline})
        raise DataError(
            f"{path}: not every file has {how} per streamline; legal for data.labels: auto, file, "
            f"folder, none{''.join(f', {name}' for name in known)}"
        )
    columns = [np.asarray(t.per_streamline[how], np.float64) for t in tractograms]
    if not all(x.ndim == 1 and (np.isfinite(x) & (x == np.floor(x))).all() for x in columns):
        raise DataError(f"{path}: {how} is not one whole number a streamline and cannot be a label")
    values, numbers = np.unique(np.concatenate(columns), return_inverse=True)
    return numbers.astype(np.int64), tuple(f"{value:.0f}" for value in values)


def _group_numbers(groups: list[str | None], file_numbers: np.ndarray) -> np.ndarray:
    """The group of every streamline; those of files without one are groups of one each."""
    known = sorted({group for group in groups if group is not None})
    numbers = np.array([-1 if group is None else known.index(group) for group in groups])
    alone = len(known) + np.arange(len(file_numbers))
    return np.where(numbers[file_numbers] < 0, alone, numbers[file_numbers])


def numbered(names: list[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """The names as numbers 0, 1, 2, ... in alphabetical order, and what they are called."""
    distinct, numbers = np.unique(names, return_inverse=True)
    return numbers.astype(np.int64), tuple(distinct.tolist())


def _shared_columns(
    tractograms: list[Tractogram], labels: str
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Single finite numbers per streamline that every file has, and notes about the others."""
    names = sorted({name for t in tractograms for name in t.per_streamline} - {labels})
    whole = {
        name: np.concatenate([t.per_streamline[name] for t in tractograms])
        for name in names
        if all(name in t.per_streamline and t.per_streamline[name].ndim == 1 for t in tractograms)
    }
    finite = {k: v.astype(np.float64) for k, v in whole.items() if np.isfinite(v).all()}
    left = [name for name in names if name not in finite]
    why = "not a single finite number for every streamline"
    return finite, [f"{', '.join(left)} per streamline left out: {why}"] if left else []


def _frame(
    files: list[Path], tractograms: list[Tractogram], notes: list[str]
) -> tuple[Frame | None, tuple[str, ...]]:
    """The frame of the first file that has one, and the notes with one about others that differ."""
    frames = [(f, t.frame) for f, t in zip(files, tractograms, strict=True) if t.frame]
    different = len({frame for _, frame in frames})
    if different > 1:
        notes.append(f"the files have {different} frames (affines); kept: that of {frames[0][0]}")
    return frames[0][1] if frames else None, tuple(notes)
