"""Named arrays in one file: which are the samples, which their labels, which the official parts.

Shape letters: N samples, * the sample's axes, K quantities.
"""

from pathlib import Path
from typing import Protocol

import numpy as np

from vaestro.data.columns import listed
from vaestro.data.content import Content
from vaestro.data.mapped import joined
from vaestro.data.parts import LABEL_WORDS, official_parts, parted, told_apart
from vaestro.data.rows import Rows
from vaestro.foundation.errors import DataError

COLUMN_NAMES = "names"


class Archive(Protocol):
    """Named arrays in a file that is open."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def names(self) -> list[str]:
        """What its arrays are called."""

    def shape_of(self, name: str) -> tuple[int, ...] | None:
        """The shape of an array; None where it holds no numbers."""

    def read(self, name: str) -> np.ndarray:
        """The array, in memory."""

    def rows(self, name: str) -> Rows:
        """The array, in memory or left in the file."""


def archive_content(
    held: Archive, key: str | None, labels_key: str | None, covariate_keys: tuple[str, ...]
) -> Content:
    """What the keys name in `held`; several with commas are joined.

    Without a key: the only array of two axes or more, else train, validation and test arrays of
    one name and equal samples (train_images, val_images, test_images), with the labels beside
    them. An array `names` of text names the columns. Raises DataError in one line where the keys
    leave open or miss what is meant.
    """
    aside = (*_split(labels_key), *covariate_keys)
    keys = _split(key) or _sample_keys(held, aside)
    parts = [held.rows(_known(held, name)) for name in keys]
    values = _joined(held.path, parts)
    label_keys = [one for name in _split(labels_key) for one in _beside(held, name, keys)]
    if key is None and labels_key is None:
        label_keys = _label_keys(held, keys)
    labels = [held.read(name) for name in label_keys]
    covariates: dict[str, np.ndarray] = {}
    for name in covariate_keys:
        covariates |= _quantities(held, name, _beside(held, name, keys))
    validation, test = official_parts(keys, [len(part) if part.shape else 0 for part in parts])
    return Content(
        values,
        np.asarray(_joined(held.path, list(labels))) if labels else None,
        covariates,
        test,
        validation,
        _column_names(held, values),
        _left_out(held) if key is None and not labels else (),
    )


def _split(keys: str | None) -> list[str]:
    return [] if keys is None else [key.strip() for key in keys.split(",")]


def _known(held: Archive, name: str) -> str:
    if name not in held.names:
        raise DataError(f"{held.path} has no array {name!r}; legal: {listed(held.names)}")
    return name


def _beside(held: Archive, name: str, keys: list[str]) -> list[str]:
    """The array `name`, or its parts where there are as many as of the samples."""
    if name in held.names:
        return [name]
    wanted = [(told_apart(key)[0], name.lower()) for key in keys]
    known = {told_apart(other): other for other in held.names}
    if all(part is not None and (part, stem) in known for part, stem in wanted):
        return [known[which] for which in wanted]
    return [_known(held, name)]


def _sample_keys(held: Archive, aside: tuple[str, ...]) -> list[str]:
    """The one array of samples, or the parts of one."""
    shapes = {name: held.shape_of(name) or () for name in held.names if name not in aside}
    several = {name: shape for name, shape in shapes.items() if len(shape) > 1}
    if len(several) == 1:
        return list(several)
    found = parted(several)
    if len(found) == 1:
        return found[0]
    if not several:
        raise DataError(
            f"{held.path} holds no array of samples: numbers of two axes or more, the first of "
            f"which counts the samples; it holds {listed(held.names)}"
        )
    known = listed([f"{name} {shape}" for name, shape in several.items()])
    raise DataError(
        f"{held.path} holds the arrays {listed(held.names)}; say which with --set data.key=NAME "
        f"where a run begins (of two axes or more: {known}), or give a file with one array of "
        "samples"
    )


def _label_keys(held: Archive, keys: list[str]) -> list[str]:
    """The labels beside the samples' parts: one number a sample, or none are taken."""
    for word in LABEL_WORDS if len(keys) > 1 else ():
        known = {told_apart(name)[0]: name for name in held.names if told_apart(name)[1] == word}
        found = [known.get(told_apart(key)[0]) for key in keys]
        whole = [name for name in found if name is not None and _is_column(held, name)]
        if len(whole) == len(keys):
            return whole
    return []


def _left_out(held: Archive) -> tuple[str, ...]:
    """A sentence about labels of several columns, which are no one label a sample."""
    told = {name: told_apart(name) for name in held.names}
    left = [
        name
        for name, (part, stem) in told.items()
        if part is not None and stem in LABEL_WORDS and not _is_column(held, name)
    ]
    if not left:
        return ()
    return (f"{listed(left)} hold no one number a sample and were left out as labels",)


def _is_column(held: Archive, name: str) -> bool:
    """Whether the array is (N,) or (N, 1)."""
    shape = held.shape_of(name)
    return shape is not None and (len(shape) == 1 or shape[1:] == (1,))


def _joined(path: Path, parts: list[Rows]) -> Rows:
    if len(parts) > 1 and (
        len({part.shape[1:] for part in parts}) > 1 or not all(part.shape for part in parts)
    ):
        shapes = ", ".join(str(part.shape) for part in parts)
        raise DataError(f"{path}: arrays of shapes {shapes} cannot be joined; name equal samples")
    return joined(parts)


def _quantities(held: Archive, name: str, keys: list[str]) -> dict[str, np.ndarray]:
    """A covariate (N,) or (N, 1) under its name; the columns of (N, K) as name_0, name_1, ..."""
    for key in keys:
        if held.shape_of(key) is None or len(held.shape_of(key) or ()) not in (1, 2):
            raise DataError(
                f"{held.path}: covariate {key} is no array of numbers of one or two axes; "
                "one number a sample is needed"
            )
    whole = np.asarray(_joined(held.path, [held.read(key) for key in keys]))
    if whole.ndim == 1:
        return {name: whole}
    if whole.shape[1] == 1:
        return {name: whole[:, 0]}
    return {f"{name}_{i}": whole[:, i] for i in range(whole.shape[1])}


def _column_names(held: Archive, values: Rows) -> tuple[str, ...] | None:
    if COLUMN_NAMES not in held.names or held.shape_of(COLUMN_NAMES) is not None:
        return None
    texts = held.read(COLUMN_NAMES)
    if texts.dtype.kind != "U" or texts.shape != values.shape[1:2]:
        return None
    return tuple(map(str, texts))
