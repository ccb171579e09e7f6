"""What numbers mean and how they are kept: the value kind, the storage type, scale and levels.

Shape letters: N samples, * the sample's axes.
"""

from typing import Literal, NamedTuple

import numpy as np

from vaestro.foundation.errors import DataError
from vaestro.foundation.samples import SampleSpec, ValueKind

AskedKind = Literal["auto", "binary", "unit", "counts", "real"]
LEGAL = "legal: binary (0 or 1), unit (0 to 1), counts (0, 1, 2, ...), real (any)"
GREY = 1 / 255


class Stored(NamedTuple):
    """values: (N, *) in their storage type; natural = values * scale; levels as in SampleSpec."""

    values: np.ndarray
    kind: ValueKind
    scale: float
    levels: int | None


def stored(name: str, array: np.ndarray, asked: AskedKind) -> Stored:
    """How finite numbers (N, *) are kept: bytes as bytes, counts as int32, the rest as float32.

    With "auto", numbers that are all 0 or 1 are binary, bytes and fractions in [0, 1] are unit
    (greys), whole numbers from 0 up are counts, and the rest is real. Raises DataError when the
    numbers are outside the kind asked for or the range of its storage type.
    """
    kind = guessed(array) if asked == "auto" else asked
    if kind == "unit" and array.dtype == np.uint8:
        return Stored(array, kind, GREY, 256)
    require_kind(name, array, kind, f"values={kind} was asked for")
    if kind == "binary":
        return Stored(array.astype(np.uint8, copy=False), kind, 1.0, 2)
    storage = np.dtype(np.int32 if kind == "counts" else np.float32)
    _require_room(name, array, storage)
    return Stored(array.astype(storage, copy=False), kind, 1.0, None)


def guessed(array: np.ndarray) -> ValueKind:
    """The kind of finite numbers that says nothing of itself."""
    few = array[:100]  # most data are told here, without a look at every number
    if all(bool(((part == 0) | (part == 1)).all()) for part in (few, array)):
        return "binary"
    if array.dtype == np.uint8:
        return "unit"
    if array.dtype.kind in "iu":
        return "counts" if array.min() >= 0 else "real"
    return "unit" if array.min() >= 0 and array.max() <= 1 else "real"


def require_kind(name: str, array: np.ndarray, kind: ValueKind, why: str) -> None:
    """Raise DataError unless every number of `array` is legal for `kind`; `why` begins the reason.

    binary: 0 or 1; unit: from 0 to 1; counts: 0, 1, 2, ...; real: any.
    """
    if kind == "real":
        return
    low, high = float(array.min()), float(array.max())
    whole = kind == "unit" or array.dtype.kind in "iub" or bool((array == np.floor(array)).all())
    if low >= 0 and (kind == "counts" or high <= 1) and whole:
        return
    raise DataError(
        f"{name}: {why} and the numbers {'' if whole else 'are not whole and '}"
        f"run from {low:g} to {high:g}; {LEGAL}"
    )


def natural_of(name: str, array: np.ndarray, spec: SampleSpec) -> np.ndarray:
    """Finite numbers (N, *) from outside in the natural units of `spec`, float32.

    Bytes for greys, and any whole numbers for quantised greys, are stored values (natural = value
    * scale); every other number is natural already. Raises DataError when they are outside what
    `spec` allows.
    """
    levels, scale = (256, GREY) if spec.levels is None else (spec.levels, spec.scale)
    greys = array.dtype == np.uint8 or (array.dtype.kind in "iu" and spec.levels is not None)
    if spec.values == "unit" and greys and array.min() >= 0 and array.max() < levels:
        natural: np.ndarray = array.astype(np.float32) * np.float32(scale)
        return natural
    why = f"the run was trained on {spec.values} values"
    if spec.values == "unit":
        why += f" (as bytes: 0 to {levels - 1})"
    require_kind(name, array, spec.values, why)
    _require_room(name, array, np.dtype(np.float32))
    return array.astype(np.float32)


def _require_room(name: str, array: np.ndarray, storage: np.dtype) -> None:
    """Raise DataError when a number is too large for `storage`: it would wrap or become inf."""
    limit = float((np.iinfo if storage.kind == "i" else np.finfo)(storage).max)
    largest = max(abs(float(array.min())), abs(float(array.max())))
    if largest > limit:
        raise DataError(
            f"{name}: the largest number is {largest:g} and {storage} ends at {limit:g}; "
            "give the data in other units"
        )
