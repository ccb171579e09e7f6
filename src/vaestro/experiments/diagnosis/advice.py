"""A diagnosis of one of our own runs: the recipe's own causes first, and remedies that it takes."""

from dataclasses import replace

from vaestro.experiments.assemble import Assembly
from vaestro.experiments.forecasting.forecast import judged_recipe, look_at
from vaestro.experiments.forecasting.foreseen import foreseen
from vaestro.experiments.recipe import Recipe
from vaestro.experiments.remedies import chosen_of, fitting
from vaestro.health.diagnosis.checks import verdict_of
from vaestro.health.diagnosis.diagnosis import Diagnosis
from vaestro.health.finding import Finding
from vaestro.health.remedies.cures import cures
from vaestro.health.remedies.edits import Edits
from vaestro.probability.objective import ObjectiveConfig
from vaestro.probability.posterior import GaussianConfig as GaussianPosterior
from vaestro.runs.folder import RunFolder

HARMED = ("collapsed", "prior_mismatch", "dead_output", "exploding")
"""States for which the weights that a recipe chose can be to blame."""

OF_COLLAPSE = {"collapsed", "at_risk", "wrong_reduction"}
"""The kinds of finding that a less pressing prior term cures."""

ALWAYS_RIGHT = (
    "scale",
    "gradient flow",
    "parameters in the optimiser",
    "stand-alone decoder",
    "form of the loss",
)
"""What cannot be wrong in a run of ours, so that nobody need give it."""


def advised(found: Diagnosis, folder: RunFolder, assembly: Assembly) -> Diagnosis:
    """The diagnosis with the recipe's own causes before it and remedies that `--set` takes."""
    recipe, chosen = assembly.recipe, chosen_of(assembly)
    harmed = any(one.kind in HARMED for one in found.findings)
    causes = (*(_reduction(assembly) if harmed else ()), *_sampler(recipe))
    every = (*causes, *found.findings)
    dying = any(one.kind in OF_COLLAPSE for one in every)
    escape = _escape(folder, assembly) if dying else ()
    tried = {**foreseen(folder, assembly).cures, "at_risk": ()}  # two things have that name
    findings = tuple(
        replace(
            one,
            remedies=fitting(recipe, (*tried.get(one.kind, ()), *cures(one, chosen, escape))),
        )
        for one in every
    )
    sentence = findings[0].sentence if findings else found.sentence
    unchecked = tuple(one for one in found.unchecked if not one.startswith(ALWAYS_RIGHT))
    return Diagnosis(verdict_of(findings), findings, unchecked, sentence)


def _reduction(assembly: Assembly) -> tuple[Finding, ...]:
    """A reduction that is no sum: it weighs the terms otherwise than beta says, and did harm."""
    objective = assembly.recipe.objective
    if not isinstance(objective, ObjectiveConfig) or objective.reduction == "sum":
        return ()
    weights = assembly.task.objective.weights
    factor = weights.prior / weights.data
    numbers = {"factor": factor, "data_weight": weights.data, "prior_weight": weights.prior}
    return (
        Finding(
            "wrong_reduction",
            f"objective.reduction={objective.reduction} weighs the prior term {factor:.6g} times "
            f"as much as beta says: the effective beta is "
            f"{assembly.effective['effective_beta']:.6g}.",
            numbers | assembly.effective,
        ),
    )


def _sampler(recipe: Recipe) -> tuple[Finding, ...]:
    """Noise scaled apart from the KL, whether it did harm or not: what is told is no KL of what is
    drawn, and no bound."""
    posterior = recipe.model.posterior
    if not isinstance(posterior, GaussianPosterior) or posterior.epsilon_std == 1:
        return ()
    return (
        Finding(
            "scale_mismatch",
            f"model.posterior.epsilon_std={posterior.epsilon_std:g} scales the sampler's noise and "
            "not the KL: they speak of different posteriors, and the ELBO that is told is no "
            "bound.",
            {"epsilon_std": posterior.epsilon_std},
        ),
    )


def _escape(folder: RunFolder, assembly: Assembly) -> Edits:
    """What the run's forecast tried and found to help, or would, where none is kept."""
    kept = foreseen(folder, assembly).escape
    return kept or judged_recipe(assembly, look_at(assembly)).against_collapse
