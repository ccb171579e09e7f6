"""Arrays from what Python users hold: arrays, tensors, DataFrames, lists, torch data sets.

Shape letters: N samples, C channels, H height, W width.
"""

from typing import Any

import numpy as np
from torch import Tensor

from vaestro.foundation.errors import DataError, one_line

ONE_ARRAY = "one array, tensor, DataFrame or data set of equal samples is needed"


def as_array(values: Any, name: str, needed: str = "numbers") -> np.ndarray:
    """One array of `needed`. Raises DataError for ragged, textual or otherwise unfit values."""
    if isinstance(values, tuple):
        raise DataError(f"{name}: a tuple was given; {ONE_ARRAY}, and labels apart: labels=...")
    try:
        array = np.asarray(_plain(values))
    except (TypeError, ValueError, RuntimeError) as fault:
        raise DataError(f"{name}: {ONE_ARRAY}: {one_line(str(fault))}") from None
    if array.dtype.kind not in "fiub":
        raise DataError(f"{name}: the array holds {array.dtype}; {needed} are needed")
    return array


def is_data_set(values: Any) -> bool:
    """Whether samples come one by one, by number: a torch data set of known length."""
    by_number = hasattr(values, "__getitem__") and hasattr(values, "__len__")
    whole = ("__array__", "to_numpy", "toarray")
    return (
        by_number
        and not isinstance(values, (list, tuple, Tensor))
        and not any(hasattr(values, how) for how in whole)
    )


def from_items(items: Any, name: str) -> tuple[np.ndarray, list[int] | None]:
    """The samples of a torch data set, and its labels when each comes with one whole number.

    A Pillow picture (H, W, C) becomes (C, H, W). Raises DataError when the samples differ in shape.
    """
    rows = [items[i] for i in range(len(items))]
    labels = None
    if rows and _is_pair(rows[0]):
        labels = _labels([row[1] for row in rows]) if len(rows[0]) > 1 else None
        rows = [row[0] for row in rows]
    arrays = [_channels_first(row, as_array(row, name)) for row in rows]
    shapes = sorted({array.shape for array in arrays})
    if len(shapes) > 1:
        raise DataError(f"{name}: samples of shapes {shapes[0]} and {shapes[1]}; {ONE_ARRAY}")
    return (np.stack(arrays) if arrays else np.empty((0, 0))), labels


def _is_pair(row: Any) -> bool:
    """Whether a sample comes with companions; a list of bare numbers is a sample itself."""
    if not isinstance(row, (tuple, list)) or len(row) == 0:
        return False
    return isinstance(row, tuple) or np.ndim(row[0]) > 0


def _plain(values: Any) -> Any:
    """What numpy reads without help."""
    if isinstance(values, Tensor):
        held = values.detach().cpu()
        return held.float() if held.dtype.is_floating_point and held.itemsize < 4 else held
    for how in ("to_numpy", "toarray"):  # a DataFrame; a sparse matrix
        if hasattr(values, how):
            return getattr(values, how)()
    return values


def _labels(values: list[Any]) -> list[int] | None:
    """Whole numbers, or None when some companion of a sample is something else."""
    arrays = [np.asarray(_plain(value)) for value in values]
    if any(array.size != 1 or array.dtype.kind not in "iub" for array in arrays):
        return None
    return [int(array.item()) for array in arrays]


def _channels_first(row: Any, array: np.ndarray) -> np.ndarray:
    return np.moveaxis(array, -1, 0) if hasattr(row, "getbands") and array.ndim == 3 else array
