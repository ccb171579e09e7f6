"""history.jsonl: one JSON object a line, the same bytes for the same run.

No wall-clock time ever enters it. A checkpoint remembers how many bytes it had; a resumed run
cuts the file back to that length, so lines written after the checkpoint are written again.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from vaestro.foundation.errors import CheckpointError
from vaestro.foundation.plain import plain


class History:
    """An append-only file of records, cut to `length` bytes when opened.

    Without a path its length is counted as if there were one: for a process whose records another
    writes. Raises CheckpointError when the file is shorter than `length`.
    """

    def __init__(self, path: Path | None, length: int = 0) -> None:
        self.path, self._file = path, None if path is None else _cut(path, length)
        self.length = length

    def append(self, record: Mapping[str, Any]) -> None:
        """Write one record; a number that is not finite is written as null."""
        line = json.dumps(plain(dict(record)), allow_nan=False)
        data = line.encode() + b"\n"
        if self._file is not None:
            self._file.write(data)
            self._file.flush()
        self.length += len(data)

    def sync(self) -> None:
        """Force every record to the disk."""
        if self._file is not None:
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


def _cut(path: Path, length: int) -> BinaryIO:
    """The file at `path`, open for writing behind its first `length` bytes, its only ones."""
    path.touch(exist_ok=True)
    present = path.stat().st_size
    if present < length:
        raise CheckpointError(
            f"{path} has {present} bytes and the checkpoint needs {length}; "
            "it was cut by hand: restore it or start a new run"
        )
    file = path.open("r+b")
    file.truncate(length)
    file.seek(length)
    return file


def append_record(path: Path, record: Mapping[str, Any]) -> None:
    """Append one record to a .jsonl file that is no part of exact resume (times, events)."""
    with path.open("a") as file:
        file.write(json.dumps(record) + "\n")


def last_record(path: Path, **known: Any) -> dict[str, Any]:
    """The newest record of a .jsonl file that has these fields so. Raises StopIteration when it
    has none."""
    records = map(json.loads, reversed(path.read_text().splitlines()))
    return next(dict(one) for one in records if known.items() <= one.items())
