"""Live (active) latent dimensions. Pages read the threshold, so this file loads no torch."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

LIVE_NATS = 0.01
"""A latent dimension is live when its mean KL exceeds this many nats."""


def live_dimensions(kl_per_dimension: "Tensor") -> int:
    """How many of the mean KLs (K,) exceed LIVE_NATS."""
    return int((kl_per_dimension > LIVE_NATS).sum())
