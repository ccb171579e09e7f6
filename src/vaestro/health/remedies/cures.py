"""Which edits cure which finding of a run; what cures a collapse the forecast has tried.

Every function gives `field.path=value` edits of the recipe that `chosen` was read from, the best
first. Some may already be as they say there: `experiments/` leaves out what changes nothing.
"""

from vaestro.health.finding import Finding
from vaestro.health.remedies.chosen import Chosen
from vaestro.health.remedies.edits import BY_FILM, TELL_BOTH, Edits, floored, scaled
from vaestro.health.remedies.smaller_numbers import networks_of_ours
from vaestro.models.condition import UnconditionalConfig
from vaestro.models.config import ModelConfig
from vaestro.networks.explicit import LayersConfig
from vaestro.probability.beta import Capacity, Geco
from vaestro.probability.likelihoods.gaussian import GaussianConfig
from vaestro.probability.likelihoods.spread import Fitted, Fixed
from vaestro.probability.objective import ObjectiveConfig
from vaestro.training.config import TrainingConfig

SUM = "objective.reduction=sum"
CLIPPED = "training.clip_norm=1"

WEAK = 10.0
"""A prior that is too weak is given so many times its weight."""

FLOOR = 1e-3
"""The floor of a fitted variance, as a share of the data's own."""


def cures(finding: Finding, chosen: Chosen, escape: Edits) -> Edits:
    """What helps against `finding`; `escape` is what the forecast tried against a collapse."""
    match finding.kind:
        case "collapsed" | "at_risk":
            return escape
        case "wrong_reduction":
            return (*(edit for edit in escape if "reduction" in edit), SUM, *escape)
        case "scale_mismatch":
            return ("model.posterior.epsilon_std=1",)
        case "dead_output":
            return for_dead_output(chosen)
        case "exploding":
            return (*finding.remedies, *for_instability(chosen))
        case "prior_mismatch":
            return for_weak_prior(chosen)
        case "overfitted":
            return for_overfitting(chosen)
        case "undertrained":
            return (longer(chosen.training), faster(chosen.training))
        case "stalled":
            return for_standing_still(chosen)
        case "condition_ignored":
            return for_ignored_condition(chosen)
        case "unbounded_variance":
            return for_variance(chosen, float(finding.evidence.get("data_variance", 1.0)))
        case "unsaved_parameter" | "untrained_parameter":
            return networks_of_ours(chosen.model, finding.evidence["parameters"])
    return ()


def for_instability(chosen: Chosen) -> Edits:
    """A bound on the gradient where there is none, then smaller steps."""
    clip = (CLIPPED,) if chosen.training.clip_norm is None else ()
    return (*clip, slower(chosen.training))


def for_standing_still(chosen: Chosen) -> Edits:
    """Larger steps, and a bound on the gradient that lets them be."""
    return (faster(chosen.training), CLIPPED)


def slower(training: TrainingConfig) -> str:
    """A third of the learning rate."""
    return scaled("training.learning_rate", training.learning_rate, 1 / 3)


def faster(training: TrainingConfig) -> str:
    """Three times the learning rate."""
    return scaled("training.learning_rate", training.learning_rate, 3.0)


def longer(training: TrainingConfig) -> str:
    """Twice the epochs; a run goes on with them by `--resume`."""
    return f"training.epochs={2 * training.epochs}"


def linear_output(model: ModelConfig) -> Edits:
    """No activation behind the last layer of a decoder that has one."""
    decoder = model.decoder
    behind = isinstance(decoder, LayersConfig) and decoder.output_activation != "none"
    return ("model.decoder.output_activation=none",) if behind else ()


def for_dead_output(chosen: Chosen) -> Edits:
    """A linear output where something stands behind it, then smaller steps."""
    return (*linear_output(chosen.model), slower(chosen.training))


def for_overfitting(chosen: Chosen) -> Edits:
    """Stop at the best validation where the recipe does not; fewer epochs."""
    training = chosen.training
    if training.early_stopping is None:
        return ("training.early_stopping={patience: 10}",)
    return (f"training.epochs={max(1, training.epochs // 2)}",)


def for_batch_norm(chosen: Chosen) -> Edits:
    """No averaged weights beside statistics of others, a larger batch, group normalisation."""
    training = chosen.training
    average = ("training.ema=0",) if training.ema else ()
    return (
        *average,
        f"training.batch_size={2 * training.batch_size}",
        "model.encoder.normalisation=group",
    )


def for_weak_prior(chosen: Chosen) -> Edits:
    """Ten times the weight: by beta, by the variance of a fixed Gaussian; or another prior."""
    edits = []
    objective, likelihood = chosen.objective, chosen.model.likelihood
    if isinstance(objective, ObjectiveConfig):
        if isinstance(objective.beta, Geco | Capacity):
            edits.append("objective.beta=1")
        else:
            edits.append(scaled("objective.beta", objective.beta, WEAK))
    if isinstance(likelihood, GaussianConfig) and isinstance(likelihood.variance, Fixed):
        edits.append(f"model.likelihood.variance={WEAK * likelihood.variance.value:.3g}")
    return (*edits, "model.prior=mixture")


def for_ignored_condition(chosen: Chosen) -> Edits:
    """Tell the decoder too, and at every layer."""
    told = not isinstance(chosen.model.condition, UnconditionalConfig)
    return (TELL_BOTH, BY_FILM) if told else ()


def for_variance(chosen: Chosen, data_variance: float) -> Edits:
    """A floor under a fitted variance; one variance for all elements."""
    likelihood = chosen.model.likelihood
    if not isinstance(likelihood, GaussianConfig) or not isinstance(likelihood.variance, Fitted):
        return ()
    start = max(1.0, data_variance)
    return (floored("variance", FLOOR * data_variance, start), "model.likelihood.variance=optimal")
