"""The limits of an axis among trials of which a few may be far out."""

from collections.abc import Sequence

import numpy as np

FAR = 3.0
"""A value so many times the middle half's spread beyond it is far out (Tukey 1977)."""
AIR = 0.06


def fenced(values: Sequence[float], kept: Sequence[float]) -> tuple[float, float]:
    """The lowest and the highest of the values that are not far out and of those `kept`."""
    lower, upper = (float(v) for v in np.quantile(values, (0.25, 0.75)))
    reach = FAR * (upper - lower)
    near = [value for value in values if lower - reach <= value <= upper + reach]
    inside = [*near, *kept]
    return min(inside), max(inside)


def aired(low: float, high: float) -> tuple[float, float]:
    """The same with some air; a single value gets a span of its own."""
    span = high - low if high > low else max(abs(high), 1.0) * 0.1
    return low - AIR * span, high + AIR * span


def clipped(value: float, limits: tuple[float, float]) -> float:
    """The value, at the edge where it lies beyond it."""
    return min(max(value, limits[0]), limits[1])
