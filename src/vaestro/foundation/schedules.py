"""Schedules: numbers that change over a run, as pure functions of the step.

A schedule knows nothing of losses. `Horizon` says how long the run is, so that lengths may be
given in steps, epochs or as a fraction of the run.
"""

import math
from collections.abc import Iterator
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Field

from vaestro.foundation.config import ByKind, Config


class Horizon(NamedTuple):
    """The length of a run: `steps` in all, `steps_per_epoch` to an epoch."""

    steps: int
    steps_per_epoch: int


class Length(Config):
    """A stretch of training: `amount` steps, epochs, or as a fraction (0 to 1) of the run.

    In YAML also as text: `500 steps`, `10 epochs`, `0.3 of run`.
    """

    amount: float = Field(ge=0)
    unit: Literal["steps", "epochs", "of run"] = "steps"

    def in_steps(self, horizon: Horizon) -> float:
        """The stretch in steps (not rounded)."""
        factor = {"steps": 1, "epochs": horizon.steps_per_epoch, "of run": horizon.steps}
        return self.amount * factor[self.unit]


def _length(value: Any) -> Any:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return {"amount": value, "unit": "steps"}
    if isinstance(value, str):
        amount, _, unit = value.strip().partition(" ")
        unit = unit.strip() or "steps"
        return {"amount": amount, "unit": {"step": "steps", "epoch": "epochs"}.get(unit, unit)}
    return value


Stretch = Annotated[Length, BeforeValidator(_length)]


class Constant(Config):
    """The same value at every step."""

    kind: Literal["constant"] = "constant"
    value: float = Field(ge=0)

    def at(self, step: int, horizon: Horizon) -> float:
        """value"""
        return self.value

    @property
    def final(self) -> float:
        """The value once the schedule has run its course."""
        return self.value


class Linear(Config):
    """Linear from `start` to `end` over `length`, then `end` (Bowman et al. 2016)."""

    kind: Literal["linear"] = "linear"
    start: float = Field(default=0.0, ge=0)
    end: float = Field(default=1.0, ge=0)
    length: Stretch = Length(amount=0.3, unit="of run")

    def at(self, step: int, horizon: Horizon) -> float:
        """start + (end - start) * min(1, step / length)"""
        return _between(self.start, self.end, _progress(step, self.length.in_steps(horizon)))

    @property
    def final(self) -> float:
        """end"""
        return self.end


class Cosine(Config):
    """Half a cosine from `start` to `end` over `length`, then `end`."""

    kind: Literal["cosine"] = "cosine"
    start: float = Field(default=0.0, ge=0)
    end: float = Field(default=1.0, ge=0)
    length: Stretch = Length(amount=0.3, unit="of run")

    def at(self, step: int, horizon: Horizon) -> float:
        """start + (end - start) * (1 - cos(pi * progress)) / 2"""
        progress = _progress(step, self.length.in_steps(horizon))
        return _between(self.start, self.end, 0.5 * (1 - math.cos(math.pi * progress)))

    @property
    def final(self) -> float:
        """end"""
        return self.end


class Cyclical(Config):
    """`cycles` ramps from `start` to `end` over `length`, then `end` (Fu et al. 2019).

    Each cycle rises linearly over its first `ramp` part and holds `end` for the rest.
    """

    kind: Literal["cyclical"] = "cyclical"
    start: float = Field(default=0.0, ge=0)
    end: float = Field(default=1.0, ge=0)
    cycles: int = Field(default=4, ge=1)
    ramp: float = Field(default=0.5, gt=0, le=1)
    length: Stretch = Length(amount=0.8, unit="of run")

    def at(self, step: int, horizon: Horizon) -> float:
        """The ramp at the position inside the present cycle."""
        progress = _progress(step, self.length.in_steps(horizon))
        if progress >= 1:
            return self.end
        within = (progress * self.cycles) % 1.0
        return _between(self.start, self.end, min(1.0, within / self.ramp))

    @property
    def final(self) -> float:
        """end"""
        return self.end


class RiseAndFall(Config):
    """Linear from `start` up to `peak` over `rise`, `hold`, then down to `end` over `fall`."""

    kind: Literal["rise-and-fall"] = "rise-and-fall"
    start: float = Field(default=0.0, ge=0)
    peak: float = Field(default=1.0, ge=0)
    end: float = Field(default=0.5, ge=0)
    rise: Stretch = Length(amount=0.3, unit="of run")
    hold: Stretch = Length(amount=0, unit="steps")
    fall: Stretch = Length(amount=0.3, unit="of run")

    def at(self, step: int, horizon: Horizon) -> float:
        """The rise until `rise`, the peak for `hold`, then the fall."""
        rise, hold = self.rise.in_steps(horizon), self.hold.in_steps(horizon)
        if step < rise:
            return _between(self.start, self.peak, step / rise)
        past = step - rise - hold
        return _between(self.peak, self.end, _progress(past, self.fall.in_steps(horizon)))

    @property
    def final(self) -> float:
        """end"""
        return self.end


class TwoPhase(Config):
    """`first` until `switch`, then `second` (as the two optimisers of a two-phase training)."""

    kind: Literal["two-phase"] = "two-phase"
    first: float = Field(ge=0)
    second: float = Field(ge=0)
    switch: Stretch = Length(amount=0.5, unit="of run")

    def at(self, step: int, horizon: Horizon) -> float:
        """first if step < switch else second"""
        return self.first if step < self.switch.in_steps(horizon) else self.second

    @property
    def final(self) -> float:
        """second"""
        return self.second


class Forecast(Config):
    """`end` from the first step where the forecast is sure that the run escapes collapse, else
    a linear warm-up to it over `length`.

    A run settles it before its first step and keeps what it became in its recipe; as a schedule it
    is the warm-up.
    """

    kind: Literal["forecast"] = "forecast"
    end: float = Field(default=1.0, ge=0)
    length: Stretch = Length(amount=0.2, unit="of run")

    def settled(self, sure: bool) -> "Constant | Linear":
        """The schedule that a run trains with; `sure`: it needs no warm-up."""
        if sure:
            return Constant(value=self.end)
        return Linear(start=self.end / 100, end=self.end, length=self.length)

    def at(self, step: int, horizon: Horizon) -> float:
        """As the warm-up."""
        return self.settled(False).at(step, horizon)

    @property
    def final(self) -> float:
        """end"""
        return self.end


def number_or_kind(value: Any) -> Any:
    """A bare number becomes a constant schedule; a bare word becomes that kind of part."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return {"kind": "constant", "value": value}
    return value


Schedule = Annotated[
    Annotated[
        Constant | Linear | Cosine | Cyclical | RiseAndFall | TwoPhase,
        Field(discriminator="kind"),
    ],
    ByKind,
    BeforeValidator(number_or_kind),
]


def lengths(config: Config) -> Iterator[Length]:
    """Every `Length` inside `config`, however deep."""
    for name in type(config).model_fields:
        value = getattr(config, name)
        if isinstance(value, Length):
            yield value
        elif isinstance(value, Config):
            yield from lengths(value)


def depends_on_run_length(config: Config) -> bool:
    """Whether some stretch in `config` is a fraction of the run, so that more epochs change it."""
    return any(length.unit == "of run" for length in lengths(config))


def _progress(step: float, length: float) -> float:
    return 1.0 if step >= length else max(0.0, step / length)


def _between(start: float, end: float, progress: float) -> float:
    return start + (end - start) * progress
