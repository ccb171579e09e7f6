"""How an edit of a recipe is written: `field.path=value`, as `--set` takes it."""

import math
from typing import Any

from vaestro.foundation.config import Config

Edits = tuple[str, ...]
"""Edits of a recipe, any one of which helps; the best one first."""

VALUES = {"value", "start", "end", "peak", "first", "second"}
"""The fields of a schedule that are values of what it schedules; the others are times."""

RAMP = "0.5 of run"
"""A warm-up takes so long."""


TELL_BOTH = "model.condition.into=both"
BY_FILM = "model.condition.how=film"
"""What helps a decoder that does not heed its condition."""


def ramp(end: float) -> str:
    """A warm-up of beta from 0 to `end`."""
    return f"{{kind: linear, start: 0.0, end: {end:g}, length: {RAMP}}}"


def scaled(path: str, schedule: Config, factor: float) -> str:
    """The edit that multiplies every value of the schedule at `path`."""
    plain = schedule.plain()
    values = {k: factor * v if k in VALUES else v for k, v in plain.items()}
    if values["kind"] == "constant":
        return f"{path}={values['value']:.3g}"
    return f"{path}={flow(values)}"


def flow(value: Any) -> str:
    """`value` as YAML on one line, numbers with three digits."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(inner)}" for key, inner in value.items()) + "}"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def floored(name: str, floor: float, initial: float) -> str:
    """The edit that fits the likelihood's spread `name` per element, no lower than `floor`."""
    fitted = {"kind": "fitted", "floor": floor, "initial": initial}
    return f"model.likelihood.{name}={flow(fitted)}"


def rounded(value: float) -> float:
    """`value` rounded down to two digits."""
    if value <= 0 or not math.isfinite(value):
        return value
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.floor(value / unit) * unit:.2g}")
