"""Arrays from what Python users hold: arrays, tensors, DataFrames, lists, torch data sets.

Shape letters: N samples, C channels, H height, W width.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from vaestro.foundation.errors import DataError, one_line

ONE_ARRAY = "one array, tensor, DataFrame or data set of equal samples is needed"
LINES = "streamlines of several lengths are data of kind streamlines: give a recipe for those"


def as_array(values: Any, name: str) -> np.ndarray:
    """One array of numbers. Raises DataError for ragged, textual or otherwise unfit values."""
    array = plain_array(values, name)
    if array.dtype.kind == "O" and hasattr(values, "columns"):
        return _columns_joined(values, name)
    if array.dtype.kind not in "fiub":
        raise DataError(f"{name}: the array holds {array.dtype}; numbers are needed")
    return array


def plain_array(values: Any, name: str) -> np.ndarray:
    """One array of whatever `values` hold. Raises DataError for ragged and for masked ones."""
    _require_unmasked(values, name)
    if isinstance(values, tuple):
        raise DataError(f"{name}: a tuple was given; {ONE_ARRAY}, and labels apart: labels=...")
    if isinstance(values, Mapping):  # also an opened .npz
        raise DataError(
            f"{name}: a mapping of {', '.join(map(str, values)) or 'nothing'} was given; "
            f"{ONE_ARRAY}: take one of them"
        )
    try:
        return np.asarray(_plain(values))
    except (TypeError, ValueError, RuntimeError) as fault:
        hint = f"; {LINES}" if isinstance(values, list) and all(map(_is_line, values)) else ""
        raise DataError(f"{name}: {ONE_ARRAY}: {one_line(str(fault))}{hint}") from None


def columns_called(values: Any) -> tuple[str, ...] | None:
    """The column names of a DataFrame that has them; its counting from 0 is no name."""
    columns = getattr(values, "columns", None)
    if columns is None or not hasattr(values, "to_numpy"):
        return None  # a sparse matrix, say
    names = list(columns)
    return None if names == list(range(len(names))) else tuple(map(str, names))


def covariates_from(given: Any, name: str) -> dict[str, np.ndarray]:
    """Covariates (N,) by name from a mapping or a DataFrame; (N, 1) becomes (N,).

    Raises DataError for anything else, and for a covariate that is no array of numbers.
    """
    names = list(given) if isinstance(given, Mapping) else getattr(given, "columns", None)
    if names is None:
        raise DataError(
            f"{name}: covariates are {type(given).__name__}; a mapping of names to one number a "
            "sample, or a DataFrame, is needed: covariates={'age': ages}"
        )
    columns = {str(key): as_array(given[key], f"covariate {key} of {name}") for key in names}
    return {
        key: column[:, 0] if column.ndim == 2 and column.shape[1] == 1 else column
        for key, column in columns.items()
    }


def is_data_set(values: Any) -> bool:
    """Whether samples come one by one, by number: a torch data set of known length."""
    by_number = hasattr(values, "__getitem__") and hasattr(values, "__len__")
    whole = ("__array__", "to_numpy", "toarray")
    return (
        by_number
        and not isinstance(values, (list, tuple, Tensor, Mapping))
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


def _columns_joined(frame: Any, name: str) -> np.ndarray:
    """A DataFrame of columns of several number types, each looked at apart (N, D)."""
    if len(set(frame.columns)) < len(frame.columns):
        raise DataError(f"{name}: two columns have the same name; rename one of them")
    columns = []
    for key in frame.columns:
        column = plain_array(frame[key], name)
        if column.dtype.kind not in "fiub":
            raise DataError(
                f"{name}: column {key} holds {frame[key].dtype} and numbers without gaps are "
                "needed; drop it, fill it in, or give it as labels=..."
            )
        columns.append(column)
    return np.stack(columns, axis=1)


def _require_unmasked(values: Any, name: str) -> None:
    """A mask would be lost, and what lies under it taken for numbers."""
    parts = values if isinstance(values, list) else [values]
    masked = sum(int(np.ma.getmaskarray(part).sum()) for part in parts if _is_masked(part))
    if masked:
        raise DataError(
            f"{name}: {masked} {'number is' if masked == 1 else 'numbers are'} masked and numbers "
            "without gaps are needed; fill them in (array.filled(VALUE)), or leave these samples "
            "out"
        )


def _is_masked(values: Any) -> bool:
    return isinstance(values, np.ma.MaskedArray) and bool(np.ma.is_masked(values))


def _is_line(value: Any) -> bool:
    """Whether this may be one streamline: points (P, 3)."""
    shape: tuple[int, ...] = getattr(value, "shape", ())
    return len(shape) == 2 and shape[1] == 3


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
