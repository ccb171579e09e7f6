"""The width of the arithmetic in which counts and quantised values are scored."""

from torch import Tensor


def widened(value: Tensor) -> Tensor:
    """`value` in float64 where its device has it, else as it is (Apple's has none).

    lgamma(x + r) - lgamma(r) and the edges of narrow bins cancel in float32: at 1,000 counts the
    log-probability would be wrong in its fourth digit.
    """
    return value if value.device.type == "mps" else value.double()
