"""The files below a folder by name, and the labels that the folders between give them."""

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import numpy as np


def folder_files(folder: Path) -> Iterator[str]:
    """Every file below `folder` that is shown, by its path from there with "/", in no order.

    A link to nothing is one of them: who reads it says so, and no sample is missing unsaid.
    """
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if is_shown(name) and (path.is_file() or is_broken_link(path)):
            yield name


def is_broken_link(path: Path) -> bool:
    """Whether `path` is a link to what does not exist."""
    return path.is_symlink() and not path.exists()


def is_shown(name: str) -> bool:
    """Whether `name` is a file (no folder of an archive), and neither it nor a folder above it is
    hidden or what a Mac leaves in archives."""
    parts = name.split("/")
    return not any(part in ("", "__MACOSX") or part.startswith(".") for part in parts)


def folder_labels(names: Sequence[str]) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
    """Labels (N,) of N files and what label 0, 1, ... are called: the folders of each file below
    the folder that holds all of them, joined with "/" ("." for that folder itself), sorted.

    (None, None) where all files lie in one folder.
    """
    folders = [PurePosixPath(name).parent.parts for name in names]
    shared = 0
    while all(len(parts) > shared for parts in folders) and len({p[shared] for p in folders}) == 1:
        shared += 1
    called = ["/".join(parts[shared:]) or "." for parts in folders]
    known, labels = np.unique(called, return_inverse=True)
    return (labels, tuple(map(str, known))) if len(known) > 1 else (None, None)


def left_out(others: Sequence[str], wanted: str) -> tuple[str, ...]:
    """A note that names the first of the files that are not `wanted`; none where there are none."""
    if not others:
        return ()
    shown = ", ".join(others[:3]) + (", ..." if len(others) > 3 else "")
    return (f"files that are no {wanted} were left out: {len(others)} ({shown})",)
