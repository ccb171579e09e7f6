"""What the first pass through an untrained model says about its run, and what would calm it."""

import math

from vaestro.foundation.samples import Batch
from vaestro.health.finding import Evidence, Finding
from vaestro.health.forecast.initial_pass import InitialPass, initial_pass
from vaestro.health.remedies.chosen import Chosen
from vaestro.health.remedies.cures import SUM
from vaestro.health.remedies.edits import Edits
from vaestro.health.remedies.smaller_numbers import (
    ceiling,
    network_of_ours,
    normalised_encoder,
    standardised,
)
from vaestro.models.vae import VAE
from vaestro.networks.part import GivenConfig, PartConfig
from vaestro.probability.importance_objective import ImportanceConfig

LARGE, EXPLODING = 5.0, 20.0
"""Absolute log-variances at the start, before their bounds: a variance beyond e^5 or below e^-5 is
no fair start for N(0, 1); beyond e^20 the KL of one latent is 2.4e8 nats."""

STRANGE_GAIN = 5.0
"""A layer with the right fan-in keeps the size of its input within a factor of about 2."""

GROWN = 30.0
"""How many times larger than its data the output of an encoder's layer may be at the start."""


def initial_findings(vae: VAE, batch: Batch, setting: Chosen) -> tuple[Finding, ...]:
    """Log-variances, activations and gradients of `vae` before its first step, on a copy of it."""
    seen = initial_pass(vae, batch, setting)
    found = (
        _not_finite(seen, setting)
        or _log_variances(seen, setting)
        or _activations(seen, setting)
        or _gradients(seen, setting)
    )
    return () if found is None else (found,)


def _not_finite(seen: InitialPass, setting: Chosen) -> Finding | None:
    bad = [name for name, value in seen.gradients.items() if not math.isfinite(value)]
    terms = {"data_term": seen.data_term, "prior_term": seen.prior_term}
    broken = [name for name, value in terms.items() if not math.isfinite(value)]
    if not bad and not broken:
        return None
    layers = [name for name, (_, out) in seen.layers.items() if not math.isfinite(out)]
    where = f"the output of {layers[0]}" if layers else f"the {(broken or ['gradient'])[0]}"
    return Finding(
        "exploding",
        f"{where} is not finite before the first step; the guard would refuse every step",
        {**_sizes(seen), "first_bad": (layers or broken or bad)[0]},
        _calmer(setting, seen),
    )


def _log_variances(seen: InitialPass, setting: Chosen) -> Finding | None:
    if seen.usual <= LARGE and seen.log_variance <= EXPLODING:
        return None
    name, gain = _largest_gain(seen)
    layer = f" and {name} multiplies its input by {gain:.3g}" if gain > STRANGE_GAIN else ""
    bounds = (
        f", which its bounds make {seen.bounded:.3g}" if seen.bounded < seen.log_variance else ""
    )
    return Finding(
        "exploding" if seen.log_variance > EXPLODING else "at_risk",
        f"the posterior's log-variances start as large as {seen.log_variance:.4g}{bounds}, where 0 "
        f"is the prior's own: the data have the size {seen.data:.3g}{layer}, and the prior term "
        f"starts at {seen.prior_term:.3g} nats",
        {**_sizes(seen), "layer": name, "gain": gain},
        _calmer(setting, seen),
    )


def _activations(seen: InitialPass, setting: Chosen) -> Finding | None:
    outputs = {name: out for name, (_, out) in seen.layers.items()}
    if not outputs:
        return None
    name = max(outputs, key=lambda layer: outputs[layer])
    limit = GROWN * max(1.0, seen.data)
    if outputs[name] <= limit:
        return None
    worst, gain = _largest_gain(seen)
    return Finding(
        "at_risk",
        f"the output of {name} starts at a size of {outputs[name]:.3g} on data of size "
        f"{seen.data:.3g}; {worst} multiplies its input by {gain:.3g}, where about 1 keeps a scale",
        {**_sizes(seen), "layer": worst, "gain": gain, "activation": outputs[name]},
        _calmer(setting, seen),
    )


def _gradients(seen: InitialPass, setting: Chosen) -> Finding | None:
    """Adam and RMSprop divide by |gradient| + epsilon: far below epsilon a weight stands still."""
    epsilon = setting.training.optimiser.epsilon
    below = [name for name, size in seen.gradients.items() if size < epsilon]
    if not seen.gradients or len(below) <= len(seen.gradients) / 2:
        return None
    sizes = sorted(seen.gradients.values())
    middle = sizes[len(sizes) // 2]
    weighted = not isinstance(setting.objective, ImportanceConfig) and (
        setting.objective.reduction != "sum"
    )
    smaller = f"training.optimiser.epsilon={max(middle * 1e-3, 1e-30):.1g}"
    return Finding(
        "stalled",
        f"the gradients of {len(below)} of {len(seen.gradients)} parameters start below the "
        f"optimiser's epsilon of {epsilon:g} (the middle one is {middle:.2g}), so that its steps "
        "shrink with them instead of keeping the learning rate",
        {
            **_sizes(seen),
            "epsilon": epsilon,
            "below_epsilon": len(below),
            "median_gradient": middle,
        },
        (SUM, smaller) if weighted else (smaller,),
    )


def _sizes(seen: InitialPass) -> Evidence:
    return {
        "data_size": seen.data,
        "largest_log_variance": seen.log_variance,
        "usual_log_variance": seen.usual,
        "largest_bounded_log_variance": seen.bounded,
        "data_term": seen.data_term,
        "prior_term": seen.prior_term,
        "gains": {n: out / max(into, 1e-30) for n, (into, out) in seen.layers.items()},
        "largest_gradient": max(seen.gradients.values(), default=0.0),
    }


def _largest_gain(seen: InitialPass) -> tuple[str, float]:
    gains = {
        name: out / max(into, 1e-30)
        for name, (into, out) in seen.layers.items()
        if name.startswith(("encoder", "head"))
    }
    if not gains:
        return "the encoder", float("nan")
    name = max(gains, key=lambda layer: gains[layer])
    return name, gains[name]


def _calmer(setting: Chosen, seen: InitialPass) -> Edits:
    """Edits that make a start smaller: of the data's scale, of the weights, of each layer."""
    model = setting.model
    foreign = isinstance(model.encoder, PartConfig | GivenConfig)
    ours = [network_of_ours(model, "encoder"), normalised_encoder(model)] if foreign else []
    strange = _largest_gain(seen)[1] > STRANGE_GAIN
    remedies = ours if strange else []
    if getattr(model.encoder, "initialisation", "he") != "he":
        remedies.append("model.encoder.initialisation=he")
    plain = getattr(model.encoder, "normalisation", "batch") == "none"
    by_layer = ["model.encoder.normalisation=batch"] if plain else []
    by_data = [] if 0.1 < seen.data < 3.0 else list(standardised(setting))
    remedies += by_layer + by_data if strange else by_data + by_layer
    if foreign and not strange:
        remedies += ours
    return (*remedies, *ceiling(model, 2.0))
