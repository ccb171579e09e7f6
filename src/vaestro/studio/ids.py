"""An id names a folder under the root: its path in posix form, "." for the root itself."""

from pathlib import Path, PurePosixPath

LONGEST = 1024


class NotThere(Exception):  # noqa: N818  (an answer: nothing went wrong)
    """An id that names nothing under the root; the message is one line."""


def identity(root: Path, path: Path) -> str:
    """The id of `path`, which lies under `root`; links on the way are kept as they are."""
    return path.relative_to(root).as_posix()


def find(root: Path, identity: str) -> Path:
    """The folder that `identity` names.

    Raises NotThere for an id that is no plain relative path (.., absolute, NUL, backslash), for a
    path that a symbolic link leads out of `root`, and for what is no folder. All look alike from
    outside, so an id tells nothing about files elsewhere.
    """
    if not identity or len(identity) > LONGEST or "\0" in identity or "\\" in identity:
        raise _missing(identity)
    parts = PurePosixPath(identity)
    if parts.is_absolute() or ".." in parts.parts or parts.as_posix() != identity:
        raise _missing(identity)
    path = root / parts
    if not inside(root, path) or not path.is_dir():
        raise _missing(identity)
    return path


def inside(root: Path, path: Path) -> bool:
    """Whether `path`, its links followed, lies in `root`."""
    try:
        return path.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError, ValueError):  # too long, a loop of links, bytes that are no name
        return False


def _missing(identity: str) -> NotThere:
    shown = identity[:80].encode("ascii", "backslashreplace").decode()
    return NotThere(f"there is no folder {shown!r} under the studio's root; the list names them")
