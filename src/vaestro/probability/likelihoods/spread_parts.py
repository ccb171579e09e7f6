"""The spread of a family as a part: one quantity, through its logarithm.

Log-density, sampler and standard deviation all read the same `log_quantity`, so they cannot
disagree. Shape letters: B batch, * the sample's axes.
"""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from vaestro.foundation.samples import SampleSpec
from vaestro.probability.likelihoods.spread import Fitted, Fixed, Optimal, Shared
from vaestro.probability.log_bounds import compress

UNQUANTISED_VARIANCE_FLOOR = 1e-4
"""The variance floor of data whose resolution is unknown, in squared natural units."""

LOG_RANGE = 40.0
"""Learned quantities lie freely between the floor and e^40 floors; beyond, compressed."""


class Spread(nn.Module, ABC):
    """A quantity, through its logarithm. Concrete classes are final."""

    outputs_per_element: int = 0
    """How many decoder outputs per element it reads: 1 when fitted, else 0."""

    initial_raw: float = 0.0
    """The raw decoder output at which training starts; read where outputs_per_element is 1."""

    @abstractmethod
    def log_quantity(self, raw: Tensor | None, best: Tensor | None = None) -> Tensor:
        """log quantity: (B, *) for a fitted spread, else a scalar.

        `raw` is the second decoder output (B, *), None unless fitted. `best` is the batch's
        maximum-likelihood quantity (scalar), given by log_prob alone; an optimal spread in training
        mode uses and records it.
        """


class FixedSpread(Spread):
    """A constant, kept as a buffer so that the members of a population may differ in it."""

    log_value: Tensor

    def __init__(self, config: Fixed) -> None:
        super().__init__()
        # float64 until the model chooses its width; not saved: its home is the recipe.
        value = torch.tensor(math.log(config.value), dtype=torch.float64)
        self.register_buffer("log_value", value, persistent=False)

    def log_quantity(self, raw: Tensor | None, best: Tensor | None = None) -> Tensor:
        """The constant, a scalar."""
        return self.log_value


class SharedSpread(Spread):
    """One learned parameter `raw_log`, read through `floored`."""

    def __init__(self, config: Shared) -> None:
        super().__init__()
        self.log_floor = math.log(config.floor)
        start = math.log(config.initial - config.floor)  # float64 as above
        self.raw_log = nn.Parameter(torch.tensor(start, dtype=torch.float64))

    def log_quantity(self, raw: Tensor | None, best: Tensor | None = None) -> Tensor:
        """The learned value, a scalar."""
        return floored(self.raw_log, self.log_floor)


class OptimalSpread(Spread):
    """The batch's best value in training mode, the running average of `count` batches otherwise.

    The average is a geometric one: of a hundred batches that agree it is theirs, and one batch that
    is a million times off moves it by a seventh, not by its own size.
    """

    average: Tensor
    count: Tensor

    def __init__(self, config: Optimal) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("average", torch.ones(()))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def log_quantity(self, raw: Tensor | None, best: Tensor | None = None) -> Tensor:
        """log max(floor, best or average), a scalar."""
        if best is None or not self.training:
            return torch.log(self.average.clamp(min=self.config.floor))
        self._record(best.detach())
        return torch.log(best.clamp(min=self.config.floor))

    @torch.no_grad()
    def _record(self, best: Tensor) -> None:
        self.count.add_(1)
        weight = self.count.to(self.average.dtype).reciprocal().clamp(min=self.config.momentum)
        step = torch.log(best.clamp(min=self.config.floor) / self.average)
        self.average.mul_(torch.exp(weight * step))


class FittedSpread(Spread):
    """Read from a decoder output through `floored`; `tied_floor` stands in for a floor of None."""

    outputs_per_element = 1

    def __init__(self, config: Fitted, tied_floor: float) -> None:
        super().__init__()
        floor = tied_floor if config.floor is None else config.floor
        self.log_floor = math.log(floor)
        self.initial_raw = math.log(max(config.initial, 2.0 * floor) - floor)

    def log_quantity(self, raw: Tensor | None, best: Tensor | None = None) -> Tensor:
        """The fitted values, (B, *)."""
        assert raw is not None
        return floored(raw, self.log_floor)


def floored(raw: Tensor, log_floor: float) -> Tensor:
    """log(floor + exp(compress(raw, log_floor, log_floor + 40))).

    At least the floor for any raw value, and about raw well above it. The gradient by raw is
    nowhere zero: at a distance e below the floor it is about 1 / (1 + e)^2.
    """
    bounded = compress(raw, log_floor, log_floor + LOG_RANGE)
    return torch.logaddexp(bounded, torch.full_like(bounded, log_floor))


def variance_floor(spec: SampleSpec) -> float:
    """The variance of uniform quantisation noise, resolution^2 / 12; 1e-4 if there is no such."""
    if spec.resolution is None:
        return UNQUANTISED_VARIANCE_FLOOR
    return spec.resolution**2 / 12.0


def build_spread(config: Fixed | Shared | Optimal | Fitted, tied_floor: float) -> Spread:
    """The spread that `config` describes; `tied_floor` is what a fitted floor of None means."""
    match config:
        case Fixed():
            return FixedSpread(config)
        case Shared():
            return SharedSpread(config)
        case Optimal():
            return OptimalSpread(config)
        case Fitted():
            return FittedSpread(config, tied_floor)
