"""Labels as numbers: whole ones as they are, text numbered in sorted order.

Shape letters: N samples.
"""

from numbers import Number
from typing import NamedTuple

import numpy as np

from vaestro.foundation.errors import DataError


class Labels(NamedTuple):
    """numbers: (N,), not yet checked for being whole; names: what 0, 1, 2, ... are called."""

    numbers: np.ndarray
    names: tuple[str, ...] | None = None


def as_labels(name: str, given: np.ndarray) -> Labels:
    """Labels (N,) or (N, 1) of numbers or of text; text becomes 0, 1, 2, ... in sorted order.

    Raises DataError in one line where text is missing (blank, None, NaN) or mixed with numbers.
    """
    column = given[:, 0] if given.ndim == 2 and given.shape[1] == 1 else given
    if column.dtype.kind in "iubfc" or column.ndim != 1:
        return Labels(column)
    entries = column.tolist()
    if len(entries) and all(isinstance(entry, Number) for entry in entries):
        return Labels(np.array(entries))
    texts = [entry.decode() if isinstance(entry, bytes) else entry for entry in entries]
    for number, text in enumerate(texts):
        if not isinstance(text, str) or not text.strip():
            raise DataError(
                f"{name}: label {number} is {text!r}, and the others are text; whole numbers or "
                "text for every sample are needed: fill it in or leave the sample out"
            )
    names, numbers = np.unique([text.strip() for text in texts], return_inverse=True)
    return Labels(numbers, tuple(map(str, names)))
