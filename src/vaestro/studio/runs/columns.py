"""Lines of a history as columns of numbers.

Lines that vaestro writes are alike: the same keys in the same order. They are read together, any
other line by itself. Letters: R records, C keys of a line.
"""

import json
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vaestro.reports.facts import finite
from vaestro.studio.runs.digits import PAD, Bytes, Places, numbers, words_at

QUANTITIES = ("data_term", "prior_term", "live_dimensions", "beta")
SPLITS = ("train", "validation")
COLON, COMMA, NEWLINE, BRACE, CLOSE, SPACE = 58, 44, 10, 123, 125, 32
FRONT = WORD = 8


class Columns(NamedTuple):
    """Steps (R,), the place of each record's split in SPLITS (R,), and a row for each of QUANTITIES
    (Q, R); a missing or infinite number is NaN."""

    step: NDArray[np.float64]
    split: NDArray[np.int64]
    values: NDArray[np.float64]


NOTHING = Columns(np.zeros(0), np.zeros(0, np.int64), np.zeros((len(QUANTITIES), 0)))


def columns(lines: bytes) -> Columns:
    """The records of whole lines, each with its newline; what is no record is left out."""
    text = np.frombuffer(b"".join([bytes(FRONT), lines, bytes(PAD)]), np.uint8)
    ends = np.flatnonzero(text == NEWLINE)
    if not len(ends):
        return NOTHING
    starts = np.concatenate([[FRONT], ends[:-1] + 1])
    alike, parts = _alike(text, starts, ends)
    odd = [_single(text[a:b].tobytes()) for a, b in zip(starts[~alike], ends[~alike], strict=True)]
    return joined([*parts, *(one for one in odd if one is not None)])


def joined(parts: list[Columns]) -> Columns:
    """The records of all parts in the order of their steps."""
    if not parts:
        return NOTHING
    step = np.concatenate([part.step for part in parts])
    split = np.concatenate([part.split for part in parts])
    values = np.concatenate([part.values for part in parts], axis=1)
    if bool((step[1:] >= step[:-1]).all()):
        return Columns(step, split, values)
    order = np.argsort(step, kind="stable")
    return Columns(step[order], split[order], values[:, order])


def _alike(text: Bytes, starts: Places, ends: Places) -> tuple[NDArray[np.bool_], list[Columns]]:
    """Which lines have the shape of the first readable one, and their records."""
    none = np.zeros(len(starts), np.bool_)
    keys = next(
        filter(None, (_keys(text[a:b].tobytes()) for a, b in zip(starts, ends, strict=True))), None
    )
    if keys is None or not {"step", "split"} <= set(keys):
        return none, []
    marks = np.flatnonzero(text == COLON)
    first = np.searchsorted(marks, starts)
    counts = np.diff(np.append(first, len(marks)))
    width = len(keys)
    alike = (counts == width) & (text[starts] == BRACE)
    if not alike.any():
        return none, []
    whole = (
        marks.reshape(-1, width) if alike.all() else marks[first[alike][:, None] + np.arange(width)]
    )
    sound, found = _read(text, keys, whole, ends[alike])
    alike[alike] = sound
    return alike, [found]


def _read(
    text: Bytes, keys: list[str], colons: Places, ends: Places
) -> tuple[NDArray[np.bool_], Columns]:
    """The records of lines with colons at `colons` (R, C); and which of them really have these
    keys."""
    sound = np.ones(len(ends), np.bool_)
    at = {}
    for key in ("step", "split", *QUANTITIES):
        if key in keys:
            place = keys.index(key)
            begins = np.ascontiguousarray(colons[:, place])
            stops, closed = _stops(text, colons, ends, keys, place)
            sound &= _named(text, begins, key) & closed
            at[key] = begins, stops
    split, told = _splits(text, at["split"][0])
    step = _numbers(text, *at["step"])
    sound &= told & np.isfinite(step)
    missing = np.full(len(ends), np.nan)
    rows = np.stack([_numbers(text, *at[key]) if key in at else missing for key in QUANTITIES])
    if sound.all():
        return sound, Columns(step, split, rows)
    return sound, Columns(step[sound], split[sound], rows[:, sound])


def _stops(
    text: Bytes, colons: Places, ends: Places, keys: list[str], place: int
) -> tuple[Places, NDArray[np.bool_]]:
    """Where the value of one key ends, and whether a comma or the end of the record stands there:
    the next key's name tells how far before its colon that is."""
    if place == len(keys) - 1:
        return ends - 1, text[ends - 1] == CLOSE
    stops = colons[:, place + 1] - len(f'"{keys[place + 1]}"'.encode()) - 1
    stops = stops - (text[stops] == SPACE)
    return stops, text[stops] == COMMA


def _named(text: Bytes, colons: Places, key: str) -> NDArray[np.bool_]:
    """Whether `"key"` stands before each colon, as far as its last eight characters tell."""
    tail = f'"{key}"'.encode()[-8:]
    shift = np.uint64(8 * (8 - len(tail)))
    expected = np.uint64(int.from_bytes(tail, "little"))
    found: NDArray[np.bool_] = (words_at(text, colons - 8) >> shift) == expected
    return found


def _splits(text: Bytes, colons: Places) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The place of each split in SPLITS, and whether it is one of them."""
    found = np.full(len(colons), -1)
    here = words_at(text, colons + 1 + (text[colons + 1] == SPACE))
    for place, name in enumerate(SPLITS):
        head = f'"{name}"'.encode()[:7]
        found[
            (here << np.uint64(8)) == np.uint64(int.from_bytes(head, "little")) << np.uint64(8)
        ] = place
    return found, found >= 0


def _numbers(text: Bytes, colons: Places, stops: Places) -> NDArray[np.float64]:
    """The numbers behind the colons (N,); one that stands as it did in the line before, as a beta
    and many counts do, is read once."""
    starts = colons + 1 + (text[colons + 1] == SPACE)
    new = _new(text, starts, stops)
    count = int(new.sum())
    if 2 * count > len(new):
        return numbers(text, starts, stops)
    read = numbers(text, starts[new], stops[new])
    return np.repeat(read, np.diff(np.append(np.flatnonzero(new), len(new))))


def _new(text: Bytes, starts: Places, stops: Places) -> NDArray[np.bool_]:
    """Which values (N,) differ from the one before, or are too long for a word to tell."""
    words, sizes = words_at(text, starts), stops - starts
    new = np.ones(len(starts), np.bool_)
    new[1:] = (words[1:] != words[:-1]) | (sizes[1:] != sizes[:-1]) | (sizes[1:] > WORD)
    return new


def _keys(line: bytes) -> list[str] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    flat = isinstance(value, dict) and line.count(b":") == len(value) == line.count(b",") + 1
    return list(value) if flat else None


def _single(line: bytes) -> Columns | None:
    """One record that is unlike the others; None for what is none."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    step = finite(value.get("step")) if isinstance(value, dict) else None
    if step is None or value.get("split") not in SPLITS:
        return None
    known = [finite(value.get(name)) for name in QUANTITIES]
    rows = [[np.nan if one is None else one] for one in known]
    return Columns(np.array([step]), np.array([SPLITS.index(value["split"])]), np.array(rows))
