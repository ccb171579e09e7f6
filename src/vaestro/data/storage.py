"""What numbers mean and how they are kept: the value kind, the storage type, scale and levels.

Shape letters: N samples, * the sample's axes.
"""

from typing import Any, Literal, NamedTuple

import numpy as np

from vaestro.data.dataset import require_finite
from vaestro.data.mapped import changed
from vaestro.data.rows import Rows, chunks
from vaestro.foundation.errors import DataError
from vaestro.foundation.samples import SampleSpec, ValueKind

AskedKind = Literal["auto", "binary", "unit", "counts", "real"]
LEGAL = "legal: binary (0 or 1), unit (0 to 1), counts (0, 1, 2, ...), real (any)"
GREY = 1 / 255
FEW = 8
FAR = 4
"""Noise leads fractions out of their range; so many times beyond it they are other units."""


class Stored(NamedTuple):
    """values: (N, *) in their storage type; natural = values * scale; levels as in SampleSpec."""

    values: Rows
    kind: ValueKind
    scale: float
    levels: int | None


class Seen(NamedTuple):
    """What one look at every number found: the range; whether all are whole, all 0 or 1, and all
    bytes 0 or 255, as black and white pictures have them."""

    low: float
    high: float
    whole: bool
    bits: bool
    black_and_white: bool


def stored(name: str, rows: Rows, asked: AskedKind) -> Stored:
    """How numbers (N, *) are kept: bytes as bytes, counts as int32, the rest as float32.

    With "auto", numbers that are all 0 or 1, and bytes that are all 0 or 255, are binary (0 and 1),
    other bytes and fractions in [0, 1] are unit (greys), whole numbers from 0 up are counts, and
    the rest is real. Rows outside memory are looked at a piece at a time and changed as they are
    read. Raises DataError for NaN and infinite numbers, and when they are outside the kind asked
    for or the range of its storage type.
    """
    seen = seen_in(name, rows)
    kind = guessed(seen, rows.dtype) if asked == "auto" else asked
    if kind == "unit" and rows.dtype == np.uint8:
        return Stored(rows, kind, GREY, 256)
    if kind == "binary" and seen.black_and_white:
        return Stored(changed(rows, _bits), kind, 1.0, 2)
    require_kind(name, seen, kind, f"values={kind} was asked for")
    if kind == "binary":
        return Stored(_as_type(rows, np.dtype(np.uint8)), kind, 1.0, 2)
    storage = np.dtype(np.int32 if kind == "counts" else np.float32)
    _require_room(name, seen, storage)
    return Stored(_as_type(rows, storage), kind, 1.0, None)


def seen_in(name: str, rows: Rows) -> Seen:
    """One look at all of `rows`, a piece at a time. Raises DataError for NaN or infinite ones."""
    low, high = np.inf, -np.inf
    whole, bits, white = True, True, rows.dtype == np.uint8
    for part in chunks(rows):
        few = part[:FEW]  # most numbers are told here, without a look at all of them
        low, high = np.minimum(low, part.min()), np.maximum(high, part.max())  # NaN stays NaN
        for some in (few, part):
            whole = whole and (some.dtype.kind in "iub" or bool((some == np.floor(some)).all()))
            bits = bits and whole and bool(((some == 0) | (some == 1)).all())
            white = white and bool(((some == 0) | (some == 255)).all())
        del part, few, some  # before the next is read
    if not np.isfinite([float(low), float(high)]).all():
        require_finite(name, rows)
    return Seen(float(low), float(high), whole, bits, white)


def guessed(seen: Seen, dtype: np.dtype[Any]) -> ValueKind:
    """The kind of numbers of `dtype` that says nothing of itself."""
    if seen.bits or seen.black_and_white:
        return "binary"
    if dtype == np.uint8:
        return "unit"
    if dtype.kind in "iu":
        return "counts" if seen.low >= 0 else "real"
    return "unit" if seen.low >= 0 and seen.high <= 1 else "real"


def require_kind(name: str, seen: Seen, kind: ValueKind, why: str) -> None:
    """Raise DataError unless every number seen is legal for `kind`; `why` begins the reason.

    binary: 0 or 1; unit: from 0 to 1; counts: 0, 1, 2, ...; real: any.
    """
    if kind == "real":
        return
    whole = kind == "unit" or seen.whole
    if seen.low >= 0 and (kind == "counts" or seen.high <= 1) and whole:
        return
    raise DataError(
        f"{name}: {why} and the numbers {'' if whole else 'are not whole and '}"
        f"run from {seen.low:g} to {seen.high:g}; {LEGAL}"
    )


def natural_of(name: str, array: np.ndarray, spec: SampleSpec) -> np.ndarray:
    """Finite numbers (N, *) from outside in the natural units of `spec`, float32.

    Bytes for greys, and any whole numbers for quantised greys, are stored values (natural = value
    * scale); bytes 0 and 255 for binary values are 0 and 1; every other number is natural already.
    Raises DataError when they are outside what `spec` allows.
    """
    seen = seen_in(name, array)
    levels, scale = (256, GREY) if spec.levels is None else (spec.levels, spec.scale)
    greys = array.dtype == np.uint8 or (array.dtype.kind in "iu" and spec.levels is not None)
    if spec.values == "unit" and greys and seen.low >= 0 and seen.high < levels:
        natural: np.ndarray = array.astype(np.float32) * np.float32(scale)
        return natural
    if spec.values == "binary" and seen.black_and_white:
        return _bits(array).astype(np.float32)
    why = f"the run was trained on {spec.values} values"
    if spec.values == "unit":
        why += f" (as bytes: 0 to {levels - 1})"
    require_kind(name, seen, spec.values, why)
    _require_room(name, seen, np.dtype(np.float32))
    return array.astype(np.float32)


def require_near(name: str, array: np.ndarray, spec: SampleSpec) -> None:
    """Raise DataError for fractions (N, *) that are stored numbers of quantised data in truth:
    0 to 255 for greys that the run knows as 0 to 1."""
    if spec.levels is None or array.size == 0:
        return
    top, high = (spec.levels - 1) * spec.scale, float(array.max())
    if high > FAR * top:
        stored_top = round(top / spec.scale) if spec.values == "unit" else 255
        raise DataError(
            f"{name}: the run was trained on numbers from 0 to {top:g} and these are "
            f"{array.dtype} up to {high:g}; give whole numbers from 0 to {stored_top} as uint8, or "
            f"fractions from 0 to {top:g}"
        )


def _as_type(rows: Rows, storage: np.dtype[Any]) -> Rows:
    """`rows` in the storage type; the very same where they have it."""
    if rows.dtype == storage:
        return rows
    return changed(rows, lambda part: part.astype(storage))


def _bits(part: np.ndarray) -> np.ndarray:
    bits: np.ndarray = (part != 0).astype(np.uint8)
    return bits


def _require_room(name: str, seen: Seen, storage: np.dtype[Any]) -> None:
    """Raise DataError when a number is too large for `storage`: it would wrap or become inf."""
    limit = float((np.iinfo if storage.kind == "i" else np.finfo)(storage).max)
    largest = max(abs(seen.low), abs(seen.high))
    if largest > limit:
        raise DataError(
            f"{name}: the largest number is {largest:g} and {storage} ends at {limit:g}; "
            "give the data in other units"
        )
