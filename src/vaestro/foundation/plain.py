"""Values as JSON has them."""

import math
from typing import Any


def plain(value: Any) -> Any:
    """`value` with lists for tuples, and null for numbers that are not finite, however deep."""
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return finite(value) if isinstance(value, float) else value


def finite(value: float) -> float | None:
    """`value`, or None where it is not finite."""
    return value if math.isfinite(value) else None
