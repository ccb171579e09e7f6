"""Values as JSON has them."""

import math
from typing import Any


def plain(value: Any) -> Any:
    """`value` with lists for tuples, and null for numbers that are not finite, however deep."""
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
