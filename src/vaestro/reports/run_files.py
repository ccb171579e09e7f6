"""The files of a run folder, read so that damage in one does not hide the others."""

import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaestro.foundation import files
from vaestro.foundation.errors import RunFolderError

Record = Mapping[str, Any]
Array = NDArray[Any]


def read_manifest(path: Path) -> Record:
    """The manifest; raises RunFolderError when it is missing or damaged."""
    if not path.is_file():
        raise RunFolderError(f"{path.parent} holds no manifest.json, so it is not a run folder")
    return files.read_object(path)


def read_object(path: Path, notes: list[str]) -> Record:
    """The JSON object in `path`; {} when it is missing, and a note when it is damaged."""
    if not path.is_file():
        return {}
    try:
        return files.read_object(path)
    except RunFolderError:
        notes.append(f"{path.name} is damaged and is left out.")
        return {}


def read_rows(path: Path) -> tuple[Record, ...]:
    """The whole lines of a .jsonl file; damaged ones are left out; () when it is missing."""
    if not path.is_file():
        return ()
    return tuple(_whole(path.read_text(encoding="utf-8", errors="replace").splitlines()))


def read_validations(history: Path) -> tuple[Record, ...]:
    """The records of the validation split in a history."""
    return tuple(row for row in read_rows(history) if row.get("split") == "validation")


def _whole(lines: list[str]) -> Iterator[Record]:
    for line in lines:
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            yield value


def read_arrays(snapshots: Path, notes: list[str]) -> dict[str, Array]:
    """final.npz, or the newest epoch snapshot with its pairs named as the held-out ones."""
    final = snapshots / "final.npz"
    if final.is_file():
        return read_npz(final, notes)
    epochs = sorted(snapshots.glob("epoch-*.npz"))
    if not epochs:
        return {}
    named = {"original": "validation_original", "reconstruction": "validation_reconstruction"}
    return {named.get(name, name): array for name, array in read_npz(epochs[-1], notes).items()}


def read_npz(path: Path, notes: list[str]) -> dict[str, Array]:
    """The arrays of an .npz; {} and a note when it is missing or damaged."""
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        notes.append(f"{path.parent.name}/{path.name} is damaged and its pictures are left out.")
        return {}
