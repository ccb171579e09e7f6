"""The proportions by which the ten toys of a category differ."""

import numpy as np

from vaestro.data.images.turntable import INSTANCES
from vaestro.foundation.randomness import Stream, derive_seed


class Traits:
    """The proportions of one instance: the ten of a category have ten different values of each."""

    def __init__(self, category: int, instance: int) -> None:
        self._random = np.random.default_rng(derive_seed(0, Stream.DATA, category))
        self._instance = instance

    def between(self, low: float, high: float) -> float:
        """A proportion between `low` and `high`: a tenth of the way for each instance."""
        return low + (high - low) * float(self._place()) / (INSTANCES - 1)

    def one_in_two(self) -> bool:
        """True for five of the ten instances."""
        return self._place() % 2 == 0

    def _place(self) -> int:
        return int(self._random.permutation(INSTANCES)[self._instance])
