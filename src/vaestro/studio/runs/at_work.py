"""Whether a process is at work in a run: read from the system's table of locks.

A run's lock is never tried, since to hold it even for a moment could turn a training away.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

TABLE, PROCESSES = Path("/proc/locks"), Path("/proc")


class Held(NamedTuple):
    """A locked file's device (major, minor), and the process that holds it."""

    device: tuple[int, int]
    process: str


Locks = Mapping[int, tuple[Held, ...]]
"""The locks that are held, by the inode of their file."""


def locks_held() -> Locks | None:
    """The files that some process has locked; None where the system does not tell."""
    try:
        lines = TABLE.read_text().splitlines()
    except OSError:
        return None
    found: dict[int, tuple[Held, ...]] = {}
    for words in map(str.split, lines):
        inode, held = _read(words)
        if held is not None:
            found[inode] = (*found.get(inode, ()), held)
    return found


def at_work(folder: Path, locks: Locks | None) -> bool | None:
    """Whether a process holds the folder's lock; None where that cannot be known."""
    if locks is None:
        return None
    path = folder / ".lock"
    try:
        found = path.stat()
    except OSError:
        return False
    device = (os.major(found.st_dev), os.minor(found.st_dev))
    held = locks.get(found.st_ino, ())
    return any(one.device == device or _opened(one.process, path) for one in held)


def _read(words: list[str]) -> tuple[int, Held | None]:
    """`1: FLOCK ADVISORY WRITE 1234 08:01:5678 0 EOF`; those that wait (`->`) hold none."""
    if "->" in words or len(words) < 6 or words[5].count(":") != 2:
        return 0, None
    major, minor, inode = words[5].split(":")
    return int(inode), Held((int(major, 16), int(minor, 16)), words[4])


def _opened(process: str, path: Path) -> bool:
    """Whether a process has the file open: some file systems number devices otherwise in the
    table."""
    try:
        opened = list((PROCESSES / process / "fd").iterdir())
    except OSError:  # another person's, or gone
        return False
    return any(_same(one, path) for one in opened)


def _same(one: Path, path: Path) -> bool:
    try:
        return one.samefile(path)
    except OSError:
        return False
