"""Fewer values of a factor of variation, taken evenly.

Shape letters: V values of the factor.
"""

import numpy as np


def evenly(total: int, count: int) -> np.ndarray:
    """`count` of the numbers 0 to total - 1 (V,): the middles of equal stretches, all of them when
    count is total. Where one value is asked for, it is the middle one.
    """
    return (2 * np.arange(count) + 1) * total // (2 * count)


def around(total: int, count: int) -> np.ndarray:
    """`count` of the numbers 0 to total - 1 (V,) of a factor that comes round again, from 0 on."""
    return np.arange(count) * total // count
