"""By what data are known again: a digest that another table, or one that grew, does not have.

Shape letters: N samples, * the sample's axes.
"""

import hashlib
from collections.abc import Iterator, Mapping
from math import prod

import numpy as np

from vaestro.data.dataset import DataSet
from vaestro.data.rows import CHUNK_BYTES

FEWEST, MOST = 16, 10_000
"""Of large data so many samples are looked at: within CHUNK_BYTES, but never fewer or more."""


def identity(data: DataSet) -> str:
    """32 hexadecimal digits: BLAKE2b over the shape (N, *), evenly taken samples in natural units,
    and every label, covariate, group and official part.

    Samples are natural ones, so that it tells the same wherever the numbers lie. Of rows that are
    made when asked for it is what they are made of (`made_of`), not how a machine renders them.
    """
    seen = hashlib.blake2b(str(tuple(data.values.shape)).encode(), digest_size=16)
    for array in (*_samples(data), *_beside(data)):
        seen.update(f"{array.dtype.str} {array.shape}".encode())
        seen.update(np.ascontiguousarray(array).data)
    return seen.hexdigest()


def _samples(data: DataSet) -> Iterator[np.ndarray]:
    sources: tuple[np.ndarray, ...] | None = getattr(data.values, "made_of", None)
    if sources is None:
        count, elements = len(data.values), prod(data.values.shape[1:])
        fitting = min(MOST, max(FEWEST, CHUNK_BYTES // (4 * elements)))
        yield data.natural(evenly(count, fitting))
        return
    for source in sources:
        fitting = max(FEWEST, CHUNK_BYTES // (source.itemsize * len(sources)))
        yield source.flat[evenly(source.size, fitting)]


def _beside(data: DataSet) -> Iterator[np.ndarray]:
    """What is known of the samples; an empty array where nothing is."""
    known: Mapping[str, np.ndarray | None] = {
        "labels": data.labels,
        "official_test": data.official_test,
        "official_validation": data.official_validation,
        "groups": data.groups,
        **{f"covariate {name}": column for name, column in data.covariates.items()},
    }
    for name, array in known.items():
        yield np.frombuffer(name.encode(), np.uint8)
        yield np.empty(0) if array is None else array


def evenly(count: int, most: int) -> np.ndarray:
    """At most `most` of the numbers below `count`, evenly spread, the first and the last in."""
    taken: np.ndarray = np.linspace(0, count - 1, min(count, most)).round().astype(np.int64)
    return taken
