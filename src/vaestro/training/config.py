"""The training part of a recipe."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from vaestro.foundation.config import ByKind, Config
from vaestro.foundation.schedules import Constant, Schedule

Fraction = Annotated[float, Field(ge=0, lt=1)]


class AdamConfig(Config):
    """Adam (Kingma and Ba 2015); weight decay is added to the gradient."""

    kind: Literal["adam"] = "adam"
    betas: tuple[Fraction, Fraction] = (0.9, 0.999)
    epsilon: float = Field(default=1e-8, gt=0)


class AdamWConfig(Config):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019)."""

    kind: Literal["adamw"] = "adamw"
    betas: tuple[Fraction, Fraction] = (0.9, 0.999)
    epsilon: float = Field(default=1e-8, gt=0)


class RMSpropConfig(Config):
    """RMSprop (Hinton, lecture 6e, 2012)."""

    kind: Literal["rmsprop"] = "rmsprop"
    smoothing: Fraction = 0.99
    momentum: Fraction = 0.0
    epsilon: float = Field(default=1e-8, gt=0)


OptimiserConfig = Annotated[
    Annotated[AdamConfig | AdamWConfig | RMSpropConfig, Field(discriminator="kind")], ByKind
]


class EarlyStoppingConfig(Config):
    """Stop after `patience` validations without a fall of `monitor` by `margin`; keep the best."""

    patience: int = Field(default=10, ge=1)
    monitor: Literal["loss", "data_term", "mse"] = "loss"
    margin: float = Field(default=0.0, ge=0)


class OffConfig(Config):
    """Nobody watches the run."""

    kind: Literal["off"] = "off"


class WarnConfig(Config):
    """What goes wrong is said, with what to change; the run goes on."""

    kind: Literal["warn"] = "warn"


class StopConfig(Config):
    """A run that is certain to end collapsed, or whose output is dead, is stopped.

    `patience`: at least so many training records in a row must have been without a live dimension.
    """

    kind: Literal["stop"] = "stop"
    patience: int = Field(default=5, ge=3)


class RemedyConfig(Config):
    """A run that cannot come to anything begins again with the first remedy applied: from its last
    good validation when its loss was not finite, else from its start.

    `patience` as in `stop`; after `most` remedies such a run is stopped.
    """

    kind: Literal["remedy"] = "remedy"
    patience: int = Field(default=5, ge=3)
    most: int = Field(default=3, ge=1)


def _off(value: Any) -> Any:
    """YAML reads a bare `off` as False."""
    if isinstance(value, dict) and value.get("kind") is False:
        return {**value, "kind": "off"}
    return "off" if value is False else value


MonitorConfig = Annotated[
    Annotated[OffConfig | WarnConfig | StopConfig | RemedyConfig, Field(discriminator="kind")],
    ByKind,
    BeforeValidator(_off),
]


class TrainingConfig(Config):
    """How long, how fast, on what. Times in epochs unless a field says steps or seconds.

    `epochs` passes over the training samples, in steps of `batch_size` samples each.
    `optimiser` makes a step from a gradient; `learning_rate` is the size of its steps and
    `weight_decay` the pull of weights towards 0, numbers or schedules.
    `clip_norm` shortens a longer gradient to that length (null: none is).
    `early_stopping` ends a run that gets no better, and keeps its best weights (null: never).
    `accumulate` processes each batch in so many parts, for memory; a step is the same to rounding.
    `activation_checkpointing` computes the layers once more for the gradient instead of holding
    what they were given: less memory, more time, the same bits.
    `log_steps` writes training records every so many steps (null: once an epoch);
    `validate_epochs` validates every so many epochs; a checkpoint is written every
    `checkpoint_steps` steps (null: none by steps) and every `checkpoint_seconds` seconds.
    `threads` null takes what torch finds, `auto` the fastest number by trial, where the run is long
    enough: the clock then decides the last bits, which is why it is not the default.
    `snapshot_epochs` keeps pictures of reconstructions and samples every so many epochs.
    `ema` is the decay of the averaged weights (0: none).
    `monitor` watches the run: off, warn, stop or remedy.
    `device` is where it is trained, `auto` a GPU where there is one; `precision` is that of its
    numbers. `compile` and `channels_last` may make steps faster; `deterministic` allows torch only
    operations that give the same bits each time.
    """

    epochs: int = Field(default=30, ge=1)
    batch_size: int = Field(default=128, ge=1)
    accumulate: int = Field(default=1, ge=1)
    optimiser: OptimiserConfig = AdamConfig()
    learning_rate: Schedule = Constant(value=1e-3)
    weight_decay: Schedule = Constant(value=0.0)
    clip_norm: Annotated[float, Field(gt=0)] | None = None
    ema: Fraction = 0.0
    early_stopping: EarlyStoppingConfig | None = None
    monitor: MonitorConfig = WarnConfig()
    log_steps: Annotated[int, Field(ge=1)] | None = None
    validate_epochs: int = Field(default=1, ge=1)
    snapshot_epochs: int = Field(default=10, ge=1)
    checkpoint_steps: Annotated[int, Field(ge=1)] | None = None
    checkpoint_seconds: float = Field(default=30.0, gt=0)
    device: str = Field(default="auto", pattern=r"^(auto|cpu|cuda(:\d+)?|mps)$")
    precision: Literal["fp32", "bf16", "fp64"] = "fp32"
    compile: bool = False
    channels_last: bool = False
    activation_checkpointing: bool = False
    threads: Annotated[int, Field(ge=1)] | Literal["auto"] | None = None
    deterministic: bool = False

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if self.accumulate > self.batch_size:
            raise ValueError(
                f"accumulate={self.accumulate} makes as many parts of each batch, and batch_size="
                f"{self.batch_size} has no more samples; give accumulate at most {self.batch_size}"
            )
        if self.activation_checkpointing and self.compile:
            raise ValueError(
                "compile=true plans by itself what is held for the gradient, and "
                "activation_checkpointing=true would too; give one of them as false"
            )
        return self
