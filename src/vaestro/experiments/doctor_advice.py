"""Remedies for a run's findings, as edits that are legal in its recipe and change it."""

from dataclasses import replace

from vaestro.experiments.assemble import Assembly
from vaestro.experiments.forecast import judged_recipe, look_at
from vaestro.experiments.recipe import Recipe, apply
from vaestro.experiments.run import Run
from vaestro.foundation.errors import RecipeError
from vaestro.health.diagnosis.checks import verdict_of
from vaestro.health.diagnosis.diagnosis import Diagnosis
from vaestro.health.finding import Finding
from vaestro.health.monitor.remedies import (
    faster,
    flow,
    for_collapse,
    for_dead_output,
    for_instability,
    for_overfitting,
    scaled,
)
from vaestro.models.condition import UnconditionalConfig
from vaestro.probability.beta import Capacity, Geco
from vaestro.probability.importance_objective import ImportanceConfig
from vaestro.probability.likelihoods.gaussian import GaussianConfig
from vaestro.probability.likelihoods.spread import Fitted, Fixed
from vaestro.probability.objective import ObjectiveConfig
from vaestro.probability.posterior import GaussianConfig as GaussianPosterior

HARMED = ("collapsed", "prior_mismatch", "dead_output", "exploding")
"""States for which a choice in the recipe can be to blame."""


def advised(found: Diagnosis, run: Run, assembly: Assembly) -> Diagnosis:
    """The diagnosis with the recipe's own causes before it and remedies that `--set` takes."""
    causes = _causes(run.recipe, found, assembly)
    findings = tuple(
        replace(one, remedies=legal(run.recipe, _remedies(one, run, assembly)))
        for one in (*causes, *found.findings)
    )
    sentence = findings[0].sentence if findings else found.sentence
    unchecked = tuple(one for one in found.unchecked if not one.startswith(ALWAYS_RIGHT))
    return Diagnosis(verdict_of(findings), findings, unchecked, sentence)


ALWAYS_RIGHT = (
    "scale",
    "gradient flow",
    "parameters in the optimiser",
    "stand-alone decoder",
    "form of the loss",
)
"""What cannot be wrong in a run of ours, so that nobody need give it."""


def legal(recipe: Recipe, edits: tuple[str, ...]) -> tuple[str, ...]:
    """The edits that the recipe takes and that change it, each once."""
    good = []
    for edit in dict.fromkeys(edits):
        try:
            if apply(recipe, [edit]) != recipe:
                good.append(edit)
        except RecipeError:
            continue
    return tuple(good)


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


def _remedies(finding: Finding, run: Run, assembly: Assembly) -> tuple[str, ...]:
    """Candidates for one finding, the best first."""
    recipe = run.recipe
    match finding.kind:
        case "collapsed" | "at_risk":
            return _for_collapse(recipe, assembly)
        case "wrong_reduction":
            edits = _for_collapse(recipe, assembly)
            summed = tuple(edit for edit in edits if "reduction" in edit)
            return (*summed, "objective.reduction=sum", *edits)
        case "scale_mismatch":
            return ("model.posterior.epsilon_std=1",)
        case "dead_output":
            return for_dead_output(run.vae, recipe.training)
        case "exploding":
            return (*finding.remedies, *for_instability(recipe.training))
        case "prior_mismatch":
            return _for_weak_prior(recipe)
        case "overfitted":
            return for_overfitting(recipe.training)
        case "undertrained":
            longer = f"training.epochs={2 * recipe.training.epochs}"
            return (longer, faster(recipe.training))
        case "stalled":
            return (faster(recipe.training), "training.clip_norm=1")
        case "condition_ignored":
            told = not isinstance(recipe.model.condition, UnconditionalConfig)
            return ("model.condition.into=both", "model.condition.how=film") if told else ()
        case "unbounded_variance":
            return _for_variance(recipe, finding)
    return ()


def _for_collapse(recipe: Recipe, assembly: Assembly) -> tuple[str, ...]:
    """What the forecast tried and found to help; where it found nothing to, what usually does."""
    tried = judged_recipe(assembly, look_at(assembly)).remedies
    if tried:
        return tried
    weighted = recipe.objective
    objective = ObjectiveConfig() if isinstance(weighted, ImportanceConfig) else weighted
    return for_collapse(
        objective, not isinstance(weighted, ImportanceConfig), assembly.horizon, None
    )


def _for_weak_prior(recipe: Recipe) -> tuple[str, ...]:
    """Ten times the weight: by beta, by the variance of a fixed Gaussian; or another prior."""
    edits = []
    objective, likelihood = recipe.objective, recipe.model.likelihood
    if isinstance(objective, ObjectiveConfig):
        if isinstance(objective.beta, Geco | Capacity):
            edits.append("objective.beta=1")
        else:
            edits.append(scaled("objective.beta", objective.beta, 10.0))
    if isinstance(likelihood, GaussianConfig) and isinstance(likelihood.variance, Fixed):
        edits.append(f"model.likelihood.variance={10 * likelihood.variance.value:.3g}")
    return (*edits, "model.prior=mixture")


def _for_variance(recipe: Recipe, finding: Finding) -> tuple[str, ...]:
    """A floor at a thousandth of the data's variance; one variance for all elements."""
    likelihood = recipe.model.likelihood
    if not isinstance(likelihood, GaussianConfig) or not isinstance(likelihood.variance, Fitted):
        return ()
    data = float(finding.evidence.get("data_variance", 1.0))
    fitted = {"kind": "fitted", "floor": 1e-3 * data, "initial": max(1.0, data)}
    return (f"model.likelihood.variance={flow(fitted)}", "model.likelihood.variance=optimal")
