"""Means over a split with their standard errors. Shape letters: N samples."""

import math

from torch import Tensor


def averaged(name: str, values: Tensor | None) -> dict[str, float | None]:
    """{name: the mean of (N,), name_standard_error: of that mean over the split}; None where there
    are no values, and for the error of one."""
    if values is None:
        return {name: None, f"{name}_standard_error": None}
    error = float(values.std() / math.sqrt(len(values))) if len(values) > 1 else None
    return {name: float(values.mean()), f"{name}_standard_error": error}


def combined(variances: Tensor | None) -> float | None:
    """The Monte Carlo standard error of the mean of N independent estimates (N,)."""
    return None if variances is None else float(variances.sum().sqrt() / len(variances))
