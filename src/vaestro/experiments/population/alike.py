"""Which members can be stacked: those whose recipes differ only in what a stack keeps by row."""

import json
from collections.abc import Sequence
from typing import Any

from vaestro.experiments.recipe import Recipe
from vaestro.training.config import TrainingConfig

TRAINING = (
    "training.epochs",
    "training.learning_rate",
    "training.weight_decay",
    "training.clip_norm",
    "training.ema",
    "training.early_stopping",
    "training.monitor",
    "training.log_steps",
    "training.validate_epochs",
    "training.snapshot_epochs",
    "training.checkpoint_steps",
    "training.checkpoint_seconds",
    "training.optimiser.betas",
    "training.optimiser.epsilon",
    "training.optimiser.smoothing",
    "training.optimiser.momentum",
)
"""Fields of any training in which the members of a stack may differ: numbers that become a row of a
tensor, and what decides only when something is written or whether a member goes on."""

BY_ROW = (
    "name",
    "about",
    "seed",
    "objective.beta",
    "objective.reduction",
    "objective.free_bits",
    "model.posterior.epsilon_std",
    "model.encoder.initialisation",
    "model.decoder.initialisation",
    "model.encoder.dropout",
    "model.decoder.dropout",
    *TRAINING,
)
"""The same of a VAE's recipe."""

SPREADS = {"fixed": "value", "shared": "initial", "fitted": "initial"}
"""The field of each kind of spread that becomes a row of a tensor."""


def kind_of(recipe: Recipe) -> str:
    """A text that is equal for two recipes if their runs can stand in one stack."""
    values = recipe.plain()
    parts = [_present(values), values]
    blank(values, BY_ROW)
    for part in values["model"]["likelihood"].values():
        if isinstance(part, dict) and part.get("kind") in SPREADS:
            part[SPREADS[part["kind"]]] = None
    return json.dumps(parts, sort_keys=True)


def not_stacked(training: TrainingConfig) -> str | None:
    """Why runs that train so cannot stand in a stack at all, as a clause; None where they can."""
    reasons = {
        "compiled models are not stacked": training.compile,
        "models in channels-last are not stacked": training.channels_last,
        "a stack takes each batch whole, and training.accumulate divides it": (
            training.accumulate > 1
        ),
        "training.activation_checkpointing is a run's own": training.activation_checkpointing,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def data_of(recipe: Recipe) -> str:
    """A text that is equal for two recipes if their runs see the same samples."""
    values = recipe.plain()
    parts = {name: values[name] for name in ("data", "split", "augmentation", "transform")}
    parts["told"] = [values["model"]["condition"], values["model"]["prior"]]
    parts["told"].append(values["model"]["predictor"])
    if values["augmentation"]["kind"] != "none":
        parts["seed"] = values["seed"]  # every seed has its own views
    return json.dumps(parts, sort_keys=True)


def look_of(recipe: Recipe, latent: int) -> str:
    """A text that is equal for two recipes if a forecast sees the same in their data; `latent`:
    how many latents their models have, so many eigenvalues are looked for."""
    likelihood = recipe.plain()["model"]["likelihood"]
    return json.dumps([data_of(recipe), likelihood, latent], sort_keys=True)


def _present(values: dict[str, Any]) -> dict[str, bool]:
    """What a step has or has not, whatever its number: it changes what is computed."""
    objective = values["objective"]
    beta = objective.get("beta") or {}
    return {
        "capacity": isinstance(beta, dict) and beta.get("kind") == "capacity",
        "free_bits": bool(objective.get("free_bits")),
        **trained_with(values["training"]),
        "encoder_dropout": bool(values["model"]["encoder"].get("dropout")),
        "decoder_dropout": bool(values["model"]["decoder"].get("dropout")),
    }


def trained_with(training: dict[str, Any]) -> dict[str, bool]:
    """What a training has or has not, whatever its number."""
    momentum = bool(training["optimiser"].get("momentum"))
    return {"ema": bool(training["ema"]), "momentum": momentum}


def blank(values: dict[str, Any], paths: Sequence[str]) -> None:
    """Take out what the fields of these paths say, where there are such."""
    for path in paths:
        _blank(values, path)


def _blank(values: dict[str, Any], path: str) -> None:
    *parents, last = path.split(".")
    node: Any = values
    for name in parents:
        node = node.get(name) if isinstance(node, dict) else None
    if isinstance(node, dict) and last in node:
        node[last] = None
