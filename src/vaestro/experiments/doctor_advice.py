"""A diagnosis of one of our own runs: the recipe's own causes first, and remedies that it takes."""

from dataclasses import replace

from vaestro.experiments.assemble import Assembly
from vaestro.experiments.forecast import judged_recipe, look_at
from vaestro.experiments.foreseen import foreseen
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
"""States for which a choice in the recipe can be to blame."""

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
    every = (*_causes(recipe, found, assembly), *found.findings)
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


def _causes(recipe: Recipe, found: Diagnosis, assembly: Assembly) -> tuple[Finding, ...]:
    """Choices of the recipe that did harm: a reduction that is no sum, a sampler scaled apart."""
    if not any(one.kind in HARMED for one in found.findings):
        return ()
    causes = []
    objective, posterior = recipe.objective, recipe.model.posterior
    if isinstance(objective, ObjectiveConfig) and objective.reduction != "sum":
        weights = assembly.task.objective.weights
        factor = weights.prior / weights.data
        causes.append(
            Finding(
                "wrong_reduction",
                f"objective.reduction={objective.reduction} weighs the prior term {factor:.6g} "
                f"times as much as beta says: the effective beta is "
                f"{assembly.effective['effective_beta']:.6g}.",
                {"factor": factor, "data_weight": weights.data, "prior_weight": weights.prior}
                | assembly.effective,
            )
        )
    if isinstance(posterior, GaussianPosterior) and posterior.epsilon_std != 1:
        causes.append(
            Finding(
                "scale_mismatch",
                f"model.posterior.epsilon_std={posterior.epsilon_std:g} scales the sampler's noise "
                "and not the KL: they speak of different posteriors.",
                {"epsilon_std": posterior.epsilon_std},
            )
        )
    return tuple(causes)


def _escape(folder: RunFolder, assembly: Assembly) -> Edits:
    """What the run's forecast tried and found to help, or would, where none is kept."""
    kept = foreseen(folder, assembly).escape
    return kept or judged_recipe(assembly, look_at(assembly)).against_collapse
