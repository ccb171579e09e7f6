"""How an encoder's raw output becomes the posterior's scale.

Each kind is one function from the raw number to the log-variance. Sampler, KL and density all read
that log-variance, so they cannot disagree. Every kind has a nonzero gradient at any raw value.
"""

from typing import Annotated, Literal, TypeVar

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor

from vaestro.foundation.config import ByKind, Config
from vaestro.probability.log_bounds import compress


class LogVariance(Config):
    """raw = log variance, compressed smoothly outside [low, high] before any exp."""

    kind: Literal["log-variance"] = "log-variance"
    low: float = -20.0
    high: float = Field(default=20.0, le=60.0)

    @model_validator(mode="after")
    def _ordered(self) -> "LogVariance":
        return _require_order(self)

    def log_variance(self, raw: Tensor) -> Tensor:
        """compress(raw)"""
        return compress(raw, self.low, self.high)


class LogStd(Config):
    """raw = log standard deviation, compressed smoothly outside [low, high] before any exp."""

    kind: Literal["log-std"] = "log-std"
    low: float = -10.0
    high: float = Field(default=10.0, le=30.0)

    @model_validator(mode="after")
    def _ordered(self) -> "LogStd":
        return _require_order(self)

    def log_variance(self, raw: Tensor) -> Tensor:
        """2 compress(raw)"""
        return 2.0 * compress(raw, self.low, self.high)


class Softplus(Config):
    """std = softplus(raw) + minimum.

    The raw value is compressed below -15, where softplus would underflow and stop learning.
    """

    kind: Literal["softplus"] = "softplus"
    minimum: float = Field(default=1e-5, gt=0)

    def log_variance(self, raw: Tensor) -> Tensor:
        """2 log(softplus(raw) + minimum)"""
        return 2.0 * torch.log(F.softplus(compress(raw, -15.0, 1e4)) + self.minimum)


class LinearVariance(Config):
    """variance = r(raw) + epsilon with r(raw) = 1 + raw above 0 and 1 / (1 - raw) below.

    Linear where it matters, positive everywhere, once differentiable; unlike a ReLU it never has a
    zero gradient. Large values are compressed above 1e4.
    """

    kind: Literal["linear"] = "linear"
    epsilon: float = Field(default=1e-5, gt=0)

    def log_variance(self, raw: Tensor) -> Tensor:
        """log(r(raw) + epsilon)"""
        bounded = compress(raw, -1e4, 1e4)
        above, below = bounded.clamp(min=0.0), bounded.clamp(max=0.0)
        return torch.log(above + 1.0 / (1.0 - below) + self.epsilon)


ScaleConfig = Annotated[
    Annotated[LogVariance | LogStd | Softplus | LinearVariance, Field(discriminator="kind")],
    ByKind,
]


Bounded = TypeVar("Bounded", LogVariance, LogStd)


def _require_order(scale: Bounded) -> Bounded:
    if scale.low >= scale.high:
        raise ValueError(f"low={scale.low} must be below high={scale.high}")
    return scale
