"""The weight of the prior term: a schedule of the step, or a controller that watches the terms.

Letters: D data term, R prior term (the rate), both in nats per sample.
"""

from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import BeforeValidator, Field
from torch import Tensor

from vaestro.foundation.config import ByKind, Config
from vaestro.foundation.schedules import (
    Constant,
    Cosine,
    Cyclical,
    Forecast,
    Horizon,
    Length,
    Linear,
    RiseAndFall,
    Stretch,
    TwoPhase,
    number_or_kind,
)


class Geco(Config):
    """Constrained optimisation after Rezende and Viola 2018: keep D at or below `target`.

    beta is multiplied by exp(-rate * violation) each step, violation being the moving average of
    (D - target) / max(1, |target|) clipped to [-1, 1]: a data term above its target weakens the
    prior term. The paper's multiplier lambda is 1 / beta.
    """

    kind: Literal["geco"] = "geco"
    target: float
    initial: float = Field(default=1.0, gt=0)
    rate: float = Field(default=0.01, gt=0, le=1)
    smoothing: float = Field(default=0.95, ge=0, lt=1)
    minimum: float = Field(default=1e-4, gt=0)
    maximum: float = Field(default=1e4, gt=0)


class Capacity(Config):
    """Capacity target (Burgess et al. 2018): the penalty is gamma * |R - C(step)|.

    C rises linearly from `start` to `end` nats over `length`; then R is held at `end`.
    """

    kind: Literal["capacity"] = "capacity"
    start: float = Field(default=0.0, ge=0)
    end: float = Field(default=25.0, ge=0)
    gamma: float = Field(default=100.0, gt=0)
    length: Stretch = Length(amount=0.5, unit="of run")


Pure = Constant | Linear | Cosine | Cyclical | RiseAndFall | TwoPhase | Forecast

BetaConfig = Annotated[
    Annotated[Pure | Geco | Capacity, Field(discriminator="kind")],
    ByKind,
    BeforeValidator(number_or_kind),
]


class BetaState(NamedTuple):
    """What a controller remembers between steps: scalars in float64. Schedules leave it alone."""

    beta: Tensor
    violation: Tensor


def initial_state(config: Pure | Geco | Capacity, device: torch.device) -> BetaState:
    """The state before the first step."""
    first = config.initial if isinstance(config, Geco) else 0.0
    return BetaState(*(torch.tensor(v, dtype=torch.float64, device=device) for v in (first, 0.0)))


def beta_at(
    config: Pure | Geco | Capacity, state: BetaState, step: int, horizon: Horizon
) -> float | Tensor:
    """The weight of the prior term at `step` (gamma for a capacity target)."""
    match config:
        case Geco():
            return state.beta
        case Capacity():
            return config.gamma
        case _:
            return config.at(step, horizon)


def final_beta(config: Pure | Geco | Capacity, state: BetaState) -> float | Tensor:
    """The weight once the schedule has run its course; a controller's present weight."""
    match config:
        case Geco():
            return state.beta
        case Capacity():
            return config.gamma
        case _:
            return config.final


def capacity_at(config: Pure | Geco | Capacity, step: int | None, horizon: Horizon) -> float | None:
    """C(step), the nats at which a capacity target holds R, step None being the end of the
    schedule; None for every other kind."""
    if not isinstance(config, Capacity):
        return None
    if step is None:
        return config.end
    ramp = Linear(start=config.start, end=config.end, length=config.length)
    return ramp.at(step, horizon)


def advanced(
    config: Pure | Geco | Capacity, state: BetaState, data_term: Tensor, step: int
) -> BetaState:
    """The state after a step whose data term was `data_term` (a detached scalar)."""
    if not isinstance(config, Geco):
        return state
    gap = (data_term.double() - config.target) / max(1.0, abs(config.target))
    keep = config.smoothing if step > 0 else 0.0
    violation = keep * state.violation + (1 - keep) * gap.clamp(-1, 1)
    beta = state.beta * torch.exp(-config.rate * violation)
    return BetaState(beta.clamp(config.minimum, config.maximum), violation)
