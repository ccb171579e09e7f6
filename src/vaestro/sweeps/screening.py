"""Before a trial is trained: can it be built, and is it forecast to collapse?"""

from typing import NamedTuple

import torch

from vaestro.experiments.assemble import Assembly
from vaestro.experiments.forecasting.forecast import judged_recipe, plain_verdict, settled
from vaestro.experiments.material import Material
from vaestro.experiments.population.parts import SharedParts
from vaestro.experiments.recipe import Recipe
from vaestro.foundation.errors import UserError, one_line
from vaestro.health.baselines import constant_data_term, dropped_nats
from vaestro.sweeps.ledger.rows import Outcome
from vaestro.training import plan as planning

BASELINE_SAMPLES = 2048


class Foreknown(NamedTuple):
    """A trial that is not trained: why, and the figures that are known without training."""

    state: Outcome
    reason: str
    values: dict[str, float | None] | None


def foreknown(recipe: Recipe, shared: SharedParts) -> Foreknown | None:
    """What is known of a trial's end before its first step; None for one that has to be trained."""
    plan = planning.choose(recipe.training)
    try:
        assembly = shared.assembly(recipe, plan)
        found = shared.look(assembly)
    except (UserError, RuntimeError, ValueError) as fault:  # a network that its data do not fit
        return Foreknown("failed", one_line(str(fault))[:300], None)
    assembly = settled(assembly, found)
    try:
        if plain_verdict(assembly, found) != "collapse":
            return None
        told = judged_recipe(assembly, found)
        return Foreknown("pruned", f"forecast: {told.sentence}", _figures(assembly))
    finally:
        assembly.stream.close()


def _figures(assembly: Assembly) -> dict[str, float | None]:
    """The figures of a collapsed run on the validation split: those of the best constant, and
    nothing in the code."""
    material, vae = assembly.material, assembly.vae
    x = torch.cat([b.x for b in material.batches("train", BASELINE_SAMPLES)()])
    data_term = constant_data_term(vae, x)
    data_term += dropped_nats(vae, material.batches("validation")())
    objective = assembly.task.objective
    weight, _ = objective.weights
    return {
        "elbo": -data_term,
        "nll": data_term,
        "data_term": data_term,
        "prior_term": 0.0,
        "loss": weight * data_term,
        "mse": _constant_error(material),
        "live_dimensions": 0,
        "mutual_information": 0.0,
        "prior_mismatch": 0.0,
    }


def _constant_error(material: Material) -> float:
    """The mean squared error per element of the training mean, in natural units."""
    transform = material.transform
    mean = material.training_mean.to(material.transform.log_det)
    constant = transform.invert(mean[None])
    total, count = 0.0, 0
    for batch in material.batches("validation")():
        total += float((batch.truth - constant).double().square().mean()) * len(batch.x)
        count += len(batch.x)
    return total / max(count, 1)
