"""Training, validation and test parts: seeded, official, and never through the middle of a group.

Shape letters: N samples.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field

from vaestro.data.dataset import DataSet
from vaestro.foundation.config import Config
from vaestro.foundation.errors import DataError
from vaestro.foundation.randomness import Stream, generator


class SplitConfig(Config):
    """`test`: official, or a fraction of all samples; `validation`: official, or a fraction of what
    the test part leaves: 0.2 after a test part of 0.5 is a tenth of all samples. With
    `whole_groups`, samples of one group (an object, a subject, a structure) stay together where the
    data set knows groups; parts are then as near to the fractions as they allow. `seed` is that of
    the shuffle.
    """

    validation: Literal["official"] | Annotated[float, Field(gt=0, lt=1)] = 0.2
    test: Literal["official"] | Annotated[float, Field(ge=0, lt=1)] = 0.15
    whole_groups: bool = True
    seed: int = Field(default=42, ge=0)


@dataclass(frozen=True)
class Split:
    """The sample numbers of each part, int64; no sample is in two."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    def of(self, name: str) -> np.ndarray:
        """The part called train, validation or test."""
        return {"train": self.train, "validation": self.validation, "test": self.test}[name]


def split(data: DataSet, config: SplitConfig) -> Split:
    """Divide `data`. Raises DataError when a training or validation part would be empty."""
    official_test = _official(data, config.test, "test", data.official_test)
    official_validation = _official(data, config.validation, "validation", data.official_validation)
    aside = np.union1d(official_test, official_validation)
    order = _shuffled(data, config, np.setdiff1d(np.arange(len(data.values)), aside))
    groups = data.groups if config.whole_groups else None
    test, order = official_test, order
    if config.test != "official":
        test, order = _cut(order, round(len(data.values) * config.test), groups)
    validation = official_validation
    if config.validation != "official":
        validation, order = _cut(order, round(len(order) * config.validation), groups)
    _require_parts(data, len(order), len(validation), groups)
    return Split(*(np.sort(part).astype(np.int64) for part in (order, validation, test)))


def _official(data: DataSet, asked: object, part: str, known: np.ndarray | None) -> np.ndarray:
    """The numbers that the data's makers set aside for `part`, where they are asked for."""
    if asked != "official":
        return np.empty(0, dtype=np.int64)
    if known is None:
        raise DataError(f"{data.name} has no official {part} part; give split.{part}=0.15, say")
    return known


def _shuffled(data: DataSet, config: SplitConfig, rest: np.ndarray) -> np.ndarray:
    """`rest` in a seeded order; the samples of a group, where groups count, one after another."""
    random = generator(config.seed, Stream.SPLIT)
    order: np.ndarray = rest[torch.randperm(len(rest), generator=random).numpy()]
    if data.groups is None or not config.whole_groups:
        return order
    _, first, members = np.unique(data.groups[order], return_index=True, return_inverse=True)
    by_group: np.ndarray = order[np.argsort(first[members], kind="stable")]
    return by_group


def _cut(order: np.ndarray, count: int, groups: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """The first `count` of `order` and the others, cut at the nearest border between groups (none
    of a single group)."""
    if groups is not None and 0 < count < len(order):
        borders = np.flatnonzero(np.diff(groups[order])) + 1
        count = int(borders[np.abs(borders - count).argmin()]) if len(borders) else 0
    return order[:count], order[count:]


def _require_parts(data: DataSet, train: int, validation: int, groups: np.ndarray | None) -> None:
    if train > 0 and validation > 0:
        return
    kept = "" if groups is None else f" in {len(np.unique(groups))} groups that stay whole"
    cure = "" if groups is None else " or give split.whole_groups=false"
    raise DataError(
        f"{data.name}: {len(data.values)} samples{kept} leave {train} for training and "
        f"{validation} for validation; each needs at least 1: change split.validation or "
        f"split.test{cure}"
    )
