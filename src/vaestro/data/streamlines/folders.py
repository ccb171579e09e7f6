"""Where tractogram files lie, and what their names say: bundles and subjects."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from vaestro.data.folder_files import is_broken_link
from vaestro.data.streamlines.streamline_files import ENDINGS, format_of
from vaestro.foundation.errors import DataError

GroupsFrom = Literal["auto", "folder", "file", "none"]
LEAST_GROUPS = 3
"""Training, validation and test part need a group each."""


def within(folder: Path) -> Iterator[Path]:
    """The tractogram files in `folder` and the folders below it; hidden ones are passed over."""
    return (
        file
        for file in folder.rglob("*")
        if format_of(file)
        and not file.name.startswith(".")
        and (file.is_file() or is_broken_link(file))
    )


def tractogram_files(path: Path) -> list[Path]:
    """The file `path`, or every tractogram file in the folder and the folders below it, sorted.

    Raises DataError when there is none.
    """
    if not path.exists():
        raise DataError(
            f"there is no file or folder {path}; give a tractogram ({', '.join(ENDINGS)}) "
            "or a folder of them"
        )
    if not path.is_dir():
        return [path]
    files = sorted(within(path))
    if not files:
        raise DataError(
            f"{path} is a folder without tractograms ({', '.join(ENDINGS)}, the first two also "
            "with .gz); give a folder that holds some, or one file"
        )
    return files


def bundle_name(file: Path) -> str:
    """The name of a file without its endings: AF_L for AF_L.trk.gz."""
    name = file.name
    for ending in (".gz", *ENDINGS):
        if name.lower().endswith(ending):
            name = name[: -len(ending)]
    return name


def named_by(files: list[Path], how: str) -> list[str] | None:
    """The bundle of each file: its own name ("file"), that of its folder ("folder"), none ("none"),
    or ("auto") the file's where names differ, else the folder's where folders differ."""
    by = {"file": [bundle_name(f) for f in files], "folder": [f.parent.name for f in files]}
    if how == "auto":
        how = next((which for which, names in by.items() if len(set(names)) > 1), "none")
    return by.get(how)


def grouped_by(
    root: Path, files: list[Path], labels_from: str, how: GroupsFrom
) -> list[str | None] | None:
    """The group of each file, which a split never divides (None: no group), or None.

    "auto": file names that stand in several folders are the bundles of several subjects, who are
    the folders (or the file names, if folders name the bundles), provided that there are at least
    3 of them. Folders within folders are told apart at the highest level that has 3.
    """
    names = [bundle_name(file) for file in files]
    if how == "none":
        return None
    known: list[bool] = [how != "auto" or names.count(name) > 1 for name in names]
    if how == "file" or (how == "auto" and labels_from == "folder"):
        groups = names
    else:
        groups = _folders(root, files, known)
    distinct = {group for group, is_known in zip(groups, known, strict=True) if is_known}
    if how == "auto" and len(distinct) < LEAST_GROUPS:
        return None
    return [group if is_known else None for group, is_known in zip(groups, known, strict=True)]


def _folders(root: Path, files: list[Path], counted: list[bool]) -> list[str]:
    """The folder of each file below `root`, cut at the highest level with enough `counted` ones."""
    parts = [file.parent.relative_to(root).parts if root.is_dir() else () for file in files]
    for depth in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[:depth]) for part in parts]
        if len({name for name, yes in zip(names, counted, strict=True) if yes}) >= LEAST_GROUPS:
            return names
    return ["/".join(part) for part in parts]
