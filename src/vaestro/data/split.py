"""Training, validation and test parts: a seeded permutation, or the official test part."""

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
    """`test`: official, or a fraction of all samples; `validation`: a fraction of the others."""

    validation: float = Field(default=0.2, gt=0, lt=1)
    test: Literal["official"] | Annotated[float, Field(ge=0, lt=1)] = 0.15
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
    count = len(data.values)
    random = generator(config.seed, Stream.SPLIT)
    if config.test == "official":
        if data.official_test is None:
            raise DataError(f"{data.name} has no official test part; give split.test=0.15, say")
        test = data.official_test
        rest = np.setdiff1d(np.arange(count), test)
        order = rest[torch.randperm(len(rest), generator=random).numpy()]
    else:
        shuffled = torch.randperm(count, generator=random).numpy()
        held = round(count * config.test)
        test, order = shuffled[:held], shuffled[held:]
    held = round(len(order) * config.validation)
    validation, train = order[:held], order[held:]
    if len(train) == 0 or len(validation) == 0:
        raise DataError(
            f"{data.name}: {count} samples leave {len(train)} for training and {len(validation)} "
            "for validation; each needs at least 1: change split.validation or split.test"
        )
    return Split(*(np.sort(part).astype(np.int64) for part in (train, validation, test)))
