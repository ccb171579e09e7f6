"""Many decimal numbers read from bytes at once, eight characters to a machine word.

A history of a million records holds five million numbers; one by one they take many seconds.
Letter: N numbers.
"""

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Places = NDArray[np.int64]
Words = NDArray[np.uint64]

PAD = 16
"""So many bytes must stand behind (and eight before) any place that is read."""
ZEROS, HIGH = np.uint64(0x3030303030303030), np.uint64(0xF0F0F0F0F0F0F0F0)
POINT, MINUS, EXPONENT = 46, 45, 101
TENTHS = 10.0 ** -np.arange(9)


def words_at(text: Bytes, places: Places) -> Words:
    """The eight bytes at each place, the first one lowest; (N,)."""
    view = np.ndarray((len(text) - 7,), np.dtype("<u8"), text.data, strides=(1,))
    return view[places]


def numbers(text: Bytes, starts: Places, ends: Places) -> NDArray[np.float64]:
    """The numbers that stand from `starts` to before `ends` (N,), to seven digits and more.

    What is no finite number (null, NaN, Infinity, 1e400) is NaN.
    """
    negative = text[starts] == MINUS
    starts = starts + negative
    digits = words_at(text, starts) ^ ZEROS
    count = _leading(digits)
    value = _whole(digits, count).astype(np.float64)
    behind = starts + count
    pointed = text[behind] == POINT
    fraction = words_at(text, behind + 1) ^ ZEROS
    places = _leading(fraction) * pointed
    value += _whole(fraction, places) * TENTHS[places]
    value[count == 0] = np.nan
    _scale(value, text, ends, starts)
    value = np.where(negative, -value, value)
    for odd in np.flatnonzero((count == 8) | (text[ends - 5] == EXPONENT) & (count > 0)):
        value[odd] = _one(text[starts[odd] - int(negative[odd]) : ends[odd]].tobytes())
    return np.where(np.isfinite(value), value, np.nan)


def _leading(digits: Words) -> NDArray[np.int64]:
    """How many of the eight characters, from the first, are digits; `digits` are the characters
    less "0", so a digit's upper four bits are 0."""
    others = digits & HIGH
    lowest = (others & (~others + np.uint64(1))).astype(np.float64)
    bit = (lowest.view(np.int64) >> 52) - 1023  # a power of two as a float tells its exponent
    return np.where(others == 0, 8, bit >> 3)


def _whole(digits: Words, count: NDArray[np.int64]) -> Words:
    """The number that the first `count` characters spell: pairs, then fours, then all eight."""
    moved = digits << (8 * (8 - count)).astype(np.uint64)
    moved = np.where(count == 0, np.uint64(0), moved)
    pairs = (moved * np.uint64(10) + (moved >> np.uint64(8))) & np.uint64(0x00FF00FF00FF00FF)
    fours = (pairs * np.uint64(100) + (pairs >> np.uint64(16))) & np.uint64(0x0000FFFF0000FFFF)
    return (fours * np.uint64(10000) + (fours >> np.uint64(32))) & np.uint64(0xFFFFFFFF)


def _scale(value: NDArray[np.float64], text: Bytes, ends: Places, starts: Places) -> None:
    """Multiply those that end in e-05 and the like by their power of ten."""
    chosen = np.flatnonzero((text[ends - 4] == EXPONENT) & (ends - starts > 4))
    if len(chosen):
        last = ends[chosen]
        power = 10.0 * (text[last - 2] - 48.0) + (text[last - 1] - 48.0)
        value[chosen] *= 10.0 ** np.where(text[last - 3] == MINUS, -power, power)


def _one(number: bytes) -> float:
    try:
        return float(number)
    except ValueError:
        return float("nan")
