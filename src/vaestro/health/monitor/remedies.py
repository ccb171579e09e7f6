"""What to change in a recipe, as `field.path=value` edits; the best one first."""

from typing import Any

from torch import nn

from vaestro.foundation.config import Config
from vaestro.foundation.schedules import Horizon
from vaestro.health.monitor.weighting import warms_up
from vaestro.models.vae import VAE
from vaestro.networks.explicit import LayersDecoder
from vaestro.probability.beta import Capacity, Geco
from vaestro.probability.objective import ObjectiveConfig
from vaestro.training.config import TrainingConfig

VALUES = {"value", "start", "end", "peak", "first", "second"}
"""The fields of a schedule that are values of what it schedules; the others are times."""


def scaled(path: str, schedule: Config, factor: float) -> str:
    """The edit that multiplies every value of the schedule at `path`."""
    plain = schedule.plain()
    values = {k: factor * v if k in VALUES else v for k, v in plain.items()}
    if values["kind"] == "constant":
        return f"{path}={values['value']:.3g}"
    return f"{path}={flow(values)}"


def flow(value: Any) -> str:
    """`value` as YAML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(inner)}" for key, inner in value.items()) + "}"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def for_collapse(
    objective: ObjectiveConfig, weighted: bool, horizon: Horizon, eigenvalue: float | None
) -> tuple[str, ...]:
    """Sum instead of mean, warm-up where there is none, a lower beta.

    `weighted`: False for the importance-weighted bound, which has no beta. With the largest
    eigenvalue known to be near or below 1 warm-up alone cannot help, and a lower beta comes first:
    one that puts the eigenvalue at 4.
    """
    beta = objective.beta
    if not weighted:
        return ("objective={kind: elbo, beta: {kind: linear, start: 0.0, end: 1.0}}",)
    if isinstance(beta, Geco | Capacity):
        return ("objective.beta=linear",)
    hopeless = eigenvalue is not None and eigenvalue < 1.2
    factor = min(0.25, eigenvalue / 4) if eigenvalue is not None else 0.25
    lower = scaled("objective.beta", beta, factor)
    ramp = {"kind": "linear", "start": 0.0, "end": beta.final, "length": "0.3 of run"}
    warm = () if warms_up(beta, horizon) else (f"objective.beta={flow(ramp)}",)
    summed = () if objective.reduction == "sum" else ("objective.reduction=sum",)
    return (*summed, *((lower, *warm) if hopeless else (*warm, lower)))


def for_instability(training: TrainingConfig) -> tuple[str, ...]:
    """A bound on the gradient where there is none, then smaller steps."""
    clip = ("training.clip_norm=1",) if training.clip_norm is None else ()
    return (*clip, slower(training))


def slower(training: TrainingConfig) -> str:
    """A third of the learning rate."""
    return scaled("training.learning_rate", training.learning_rate, 1 / 3)


def faster(training: TrainingConfig) -> str:
    """Three times the learning rate."""
    return scaled("training.learning_rate", training.learning_rate, 3.0)


def for_dead_output(vae: VAE, training: TrainingConfig) -> tuple[str, ...]:
    """A linear output where a ReLU stands behind it, else smaller steps."""
    decoder = vae.decoder
    behind = isinstance(decoder, LayersDecoder) and isinstance(decoder.activation, nn.ReLU)
    linear = ("model.decoder.output_activation=none",) if behind else ()
    return (*linear, slower(training))


def for_overfitting(training: TrainingConfig) -> tuple[str, ...]:
    """Stop at the best validation where the recipe does not; fewer epochs."""
    if training.early_stopping is None:
        return ("training.early_stopping={patience: 10}",)
    return (f"training.epochs={max(1, training.epochs // 2)}",)


def for_batch_norm(training: TrainingConfig) -> tuple[str, ...]:
    """No averaged weights beside statistics of others, a larger batch, group normalisation."""
    average = ("training.ema=0",) if training.ema else ()
    return (
        *average,
        f"training.batch_size={2 * training.batch_size}",
        "model.encoder.normalisation=group",
    )
