"""A run's history for a screen: whole where it is short, thinned honestly where it is long."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

from vaestro.reports.run_files import Record, read_rows

SMALL_BYTES = 256 << 10
"""A history up to this size is read whole for its row in the list."""
BLOCKS, BLOCK_BYTES = 60, 4096


def few_rows(path: Path) -> tuple[Record, ...]:
    """Some rows of a history, its first and its newest among them: all of a short one."""
    try:
        size = path.stat().st_size
    except OSError:
        return ()
    if size <= SMALL_BYTES:
        return read_rows(path)
    return tuple(_sampled(path, size))


def _sampled(path: Path, size: int) -> Iterator[Record]:
    """The whole lines of evenly spaced blocks."""
    last = size - BLOCK_BYTES
    with path.open("rb") as file:
        for place in range(BLOCKS):
            start = last * place // (BLOCKS - 1)
            lines = os.pread(file.fileno(), BLOCK_BYTES, start).split(b"\n")
            for line in lines[0 if start == 0 else 1 : None if place == BLOCKS - 1 else -1]:
                try:
                    value = json.loads(line)
                except (ValueError, RecursionError):
                    continue
                if isinstance(value, dict):
                    yield value
