"""A file of arrays or a table, read by the settings by which a run read its own.

Shape letters: N samples, * the sample's axes.
"""

from pathlib import Path
from typing import Any

import numpy as np

from vaestro.data.arrays import ArraysConfig, kind_of, names_in, read_content, unpacked
from vaestro.data.columns import places_of
from vaestro.data.content import Content
from vaestro.foundation.samples import SampleSpec


def read_again(path: Path, own: ArraysConfig | None, spec: SampleSpec) -> Content:
    """What `path` holds, as stored there. `own`: how the run read its file, if that was one of
    arrays; of that all is used that the new file has.

    The columns of a table are taken by the names that the run learned; columns counted from 0 have
    none. Raises DataError for missing ones, and for what `read_content` does.
    """
    own = ArraysConfig(path=str(path)) if own is None else own
    settings = _settings(path, own, spec)
    content = read_content(ArraysConfig(path=str(path), memory="resident", **settings))
    packed = own.packed_columns
    if packed is None or not _is_packed(content.values, packed):
        return content
    return content._replace(values=unpacked(content.values, packed))


def named_alike(
    name: str, x: np.ndarray, names: tuple[str, ...] | None, spec: SampleSpec
) -> np.ndarray:
    """`x` (N, *) with its columns in the order of the run's; as it is where either has no names.

    Raises DataError when a column of the run's is missing.
    """
    learned = _learned(spec)
    if names is None or learned is None or names == learned or x.ndim != 2:
        return x
    return x[:, places_of(name, names, learned)]


def _settings(path: Path, own: ArraysConfig, spec: SampleSpec) -> dict[str, Any]:
    kind = kind_of(path)
    if kind == ".npy":
        return {}
    held = names_in(path)
    settings: dict[str, Any] = {
        "labels_key": own.labels_key if _has(held, own.labels_key) else None,
        "covariate_keys": tuple(name for name in own.covariate_keys if name in held),
    }
    if kind in (".npz", ".h5"):
        return settings | {"key": own.key if _has(held, own.key) else None}
    return settings | _columns(path, held, own, spec)


def _columns(path: Path, held: list[str], own: ArraysConfig, spec: SampleSpec) -> dict[str, Any]:
    """Which columns of a table are the values, and which of those aside are none of them."""
    learned = _learned(spec)
    aside = {own.labels_key, *own.covariate_keys}
    if learned is None or held == _counted(held):
        every = own.columns is not None and set(own.columns) <= set(held)
        return {"columns": own.columns if every else None}
    if tuple(name for name in held if name not in aside) == learned:
        return {}
    places_of(str(path), held, learned)
    beside = tuple(name for name in own.covariate_keys if name in held and name not in learned)
    return {"columns": learned, "covariate_keys": beside}


def _learned(spec: SampleSpec) -> tuple[str, ...] | None:
    """The names of the columns of a vector; those of other samples are of channels."""
    return spec.names if spec.domain == "vector" else None


def _counted(names: list[str]) -> list[str]:
    return [str(i) for i in range(len(names))]


def _has(held: list[str], keys: str | None) -> bool:
    """Whether a file has every array (or column) that a setting names with commas."""
    return keys is not None and all(key.strip() in held for key in keys.split(","))


def _is_packed(values: Any, columns: int) -> bool:
    shape = tuple(values.shape)
    return values.dtype == np.uint8 and len(shape) == 2 and shape[1] == -(-columns // 8) != columns
