"""The records between two steps of a long history: found by bisection and read again.

A history is written step after step, so the place of a step is found by looking at some twenty
lines, and what a screen zooms into costs its own records alone.
"""

import json
from pathlib import Path
from typing import BinaryIO

from vaestro.reports.facts import finite
from vaestro.studio.runs.columns import Columns
from vaestro.studio.runs.curves import Reading, readable_size

BLOCK, LINES = 1 << 16, 200
"""Bytes and lines that are looked through for a record; where there is none, none is sought on."""


def stretch(path: Path, first: int, last: int) -> Reading:
    """The records of steps from `first` to `last`, both among them; thinned where they are many.

    Of a file whose steps fall somewhere, only some of them may be found. Raises RunFolderError for
    a history that is beyond reading.
    """
    size = readable_size(path)
    with path.open("rb") as file:
        begin, end = (_place(file, size, step) for step in (first, last + 1))
    reading = Reading(end=begin)
    reading.read_on(path, end)
    reading.rows = _within(reading.rows, first, last)
    return reading


def _place(file: BinaryIO, size: int, step: int) -> int:
    """Where the line of the first record of `step` or a later one begins, or just behind the
    record before it."""
    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        found, behind = _first_record(file, middle)
        if found is None or found >= step:
            high = middle
        else:
            low = behind
    return low


def _first_record(file: BinaryIO, start: int) -> tuple[float | None, int]:
    """The step of the first record that begins at the byte `start` or later, None where there is
    none near, and the byte behind its line."""
    file.seek(max(0, start - 1))
    block = file.read(BLOCK)
    begin = block.find(b"\n") + 1 if start else 0
    for line in block[begin:].split(b"\n", LINES)[:-1]:
        begin += len(line) + 1
        if (step := _step(line)) is not None:
            return step, max(0, start - 1) + begin
    return None, start


def _step(line: bytes) -> float | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return finite(value.get("step")) if isinstance(value, dict) else None


def _within(rows: Columns, first: int, last: int) -> Columns:
    inside = (rows.step >= first) & (rows.step <= last)
    return Columns(rows.step[inside], rows.split[inside], rows.values[:, inside])
