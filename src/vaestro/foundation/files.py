"""Files that are either wholly there or not there at all."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vaestro.foundation.errors import RunFolderError

STAGING_SUFFIX = ".partial"


def sync(path: Path) -> None:
    """Force a file or a directory entry to the disk (fsync)."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Fill a file that appears under its name only when every byte of it is on the disk.

    Yields the name of a neighbour with the same ending; on success it is synced and renamed to
    `path`, on any error it is removed. An OSError without a file's name gets that of `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = path.with_name(f".{path.stem}.{os.getpid()}{STAGING_SUFFIX}{path.suffix}")
    try:
        yield staging
        sync(staging)
        staging.replace(path)
        sync(path.parent)
    except OSError as fault:
        if fault.filename is None and fault.errno is not None:  # a full disk, say, while writing
            raise OSError(fault.errno, fault.strerror, str(path)) from None
        raise
    finally:
        staging.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all."""
    with new_file(path) as staging:
        staging.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 `text` to `path`, whole or not at all."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, whole or not at all; NaN is refused."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """The JSON value in `path`."""
    return json.loads(path.read_text(encoding="utf-8"))


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in `path`. Raises RunFolderError in one line where it holds anything else."""
    try:
        value = read_json(path)
    except ValueError:  # bytes that are no text, text that is no JSON
        value = None
    if not isinstance(value, dict):
        raise RunFolderError(f"{path} is damaged: it must hold one JSON object; restore it")
    return value


@contextmanager
def new_directory(path: Path) -> Iterator[Path]:
    """Fill a directory that appears under its name only when every byte of it is on the disk.

    Yields a staging directory; on success each file in it and the directory are synced, then it
    is renamed to `path` and the parent is synced. On any error the staging directory is removed.
    """
    staging = path.with_name(path.name + STAGING_SUFFIX)
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    try:
        yield staging
        for file in sorted(staging.iterdir()):
            sync(file)
        sync(staging)
        if path.exists():
            shutil.rmtree(path)
        staging.replace(path)
        sync(path.parent)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
