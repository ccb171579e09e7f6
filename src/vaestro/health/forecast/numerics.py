"""The numerical forecast: what the numbers of a recipe will do, before its first step.

Shape letters: M samples, K latents, N elements, * the sample's axes.
"""

from math import ceil, prod
from typing import Any

from torch import Tensor

from vaestro.foundation.samples import Batch
from vaestro.foundation.schedules import (
    Cosine,
    Cyclical,
    Forecast,
    Horizon,
    Length,
    Linear,
    RiseAndFall,
    TwoPhase,
)
from vaestro.health.finding import Finding
from vaestro.health.forecast.fitted_variance import fitted_variance_findings
from vaestro.health.forecast.initial_findings import initial_findings
from vaestro.health.forecast.output_range import output_findings
from vaestro.health.forecast.unsaved import unsaved_findings
from vaestro.health.remedies.chosen import Chosen
from vaestro.models.config import ModelConfig
from vaestro.models.vae import VAE
from vaestro.probability.beta import Capacity, Geco, Pure
from vaestro.probability.importance_objective import ImportanceConfig
from vaestro.probability.objective import ObjectiveConfig


def numerical_forecast(
    vae: VAE, batch: Batch, setting: Chosen, x: Tensor | None = None
) -> tuple[Finding, ...]:
    """What is wrong with the numbers of an untrained `vae`, worst first; nothing of it changes.

    `batch`: a real training batch; `x`: (M, *) more training samples in model space, from which the
    data's range and their constant elements are read (default: the batch's own). Each finding has
    evidence and remedies that are legal edits of the recipe that `setting` was read from.
    """
    x = batch.x if x is None else x
    found = (
        *unsaved_findings(vae, batch, setting.model),
        *initial_findings(vae, batch, setting),
        *output_findings(vae, batch, setting.model, x),
        *fitted_variance_findings(vae, setting.model, x),
        *schedule_findings(setting.objective, setting.horizon),
        *latent_findings(vae, setting.model),
    )
    return tuple(sorted(found, key=lambda finding: finding.kind == "at_risk"))


def schedule_findings(
    objective: ObjectiveConfig | ImportanceConfig, horizon: Horizon
) -> tuple[Finding, ...]:
    """Whether beta (or a capacity target) is still on its way when the run ends."""
    if isinstance(objective, ImportanceConfig):
        return ()
    beta = objective.beta
    stretches = _stretches(beta)
    needed = sum(length.in_steps(horizon) for length in stretches.values())
    if needed <= horizon.steps:
        return ()
    reached, final = _reached(beta, horizon)
    name = "the capacity target" if isinstance(beta, Capacity) else "beta"
    return (
        Finding(
            "at_risk",
            f"{name} is still on its way when the run ends: its schedule takes {needed:.0f} steps "
            f"and the run has {horizon.steps}, so that it ends at {reached:.3g} instead of "
            f"{final:.3g}",
            {
                "schedule_steps": needed,
                "run_steps": horizon.steps,
                "reached": reached,
                "final": final,
            },
            _shorter(beta, stretches, needed, horizon),
        ),
    )


AnyBeta = Pure | Geco | Capacity


def _stretches(beta: AnyBeta) -> dict[str, Length]:
    """The stretches, by field, after which `beta` has its final value."""
    match beta:
        case Linear() | Cosine() | Cyclical() | Forecast() | Capacity():
            return {"length": beta.length}
        case RiseAndFall():
            return {"rise": beta.rise, "hold": beta.hold, "fall": beta.fall}
        case TwoPhase():
            return {"switch": beta.switch}
        case _:
            return {}


def _reached(beta: AnyBeta, horizon: Horizon) -> tuple[float, float]:
    """The value at the last step and the one that was meant to be reached."""
    last = max(0, horizon.steps - 1)
    if isinstance(beta, Capacity):
        ramp = Linear(start=beta.start, end=beta.end, length=beta.length)
        return ramp.at(last, horizon), beta.end
    assert not isinstance(beta, Geco), "a controller has no schedule"
    return beta.at(last, horizon), beta.final


def _shorter(
    beta: AnyBeta, stretches: dict[str, Length], needed: float, horizon: Horizon
) -> tuple[str, ...]:
    """Edits after which the schedule ends within the run: shorter stretches, or a longer run."""
    share = {name: 0.5 * part.in_steps(horizon) / needed for name, part in stretches.items()}
    if len(share) == 1:
        ((name, part),) = share.items()
        shorter = f"objective.beta.{name}={part:g} of run"
    else:
        fields: dict[str, Any] = beta.plain() | {n: f"{s:.3g} of run" for n, s in share.items()}
        body = ", ".join(f"{name}: {value}" for name, value in fields.items())
        shorter = f"objective.beta={{{body}}}"
    if any(length.unit == "of run" for length in stretches.values()):
        return (shorter,)
    epochs = ceil(1.25 * needed / horizon.steps_per_epoch)
    return shorter, f"training.epochs={epochs}"


def latent_findings(vae: VAE, model: ModelConfig) -> tuple[Finding, ...]:
    """Whether the latents are at least as many as a sample's own numbers."""
    elements = prod(vae.shape)
    if vae.latent < elements:
        return ()
    return (
        Finding(
            "at_risk",
            f"{vae.latent} latents are no fewer than the {elements} numbers of a sample: nothing "
            "is compressed, and the KL alone decides how many of them live",
            {"latents": vae.latent, "elements": elements, "compression": elements / vae.latent},
            _fewer(vae, model, elements),
        ),
    )


def _fewer(vae: VAE, model: ModelConfig, elements: int) -> tuple[str, ...]:
    """Edits that leave at most half as many latents as elements; those of a U-net go together."""
    places = prod(vae.head.latents[0][1:])
    skips = sum(map(prod, vae.head.latents[1:]))
    most = (elements // 2 - skips) // places
    if most >= 1:
        return (f"model.latent={most}",)
    if skips:
        return ("model.encoder.skips=[]", "model.decoder.skips=[]")
    return ("model.spatial=false",) if model.spatial else ("model.latent=1",)
