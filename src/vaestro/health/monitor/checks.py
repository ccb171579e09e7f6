"""The causes that a monitor tells apart: each a function of what is seen, to a finding or None.

Every figure is in nats per sample unless its name says otherwise. Remedies come from outside, since
they depend on the recipe and not on what is seen.
"""

import math

from vaestro.health.finding import Finding
from vaestro.health.monitor.collapse import LEAST_STEPS, Outlook, Window
from vaestro.health.monitor.probe import Probe
from vaestro.health.monitor.sight import Sight, total
from vaestro.health.remedies.chosen import Chosen
from vaestro.health.remedies.cures import for_instability
from vaestro.health.remedies.edits import Edits

STRONG_PULL = 5.0
"""At an optimum both terms pull equally hard on the encoder; runs that live come down to 1 within a
hundred steps and those that collapse stay above 7 (digits, eight recipes)."""

SETTLED_STEPS = 100
"""Before this the pull says how the run was initialised."""

DEAD_SHARE = 0.25
BEYOND = 0.05
GAP_SHARE = 0.3
BEHIND_SHARE = 0.05
"""Behind PCA by less than this share of what PCA saves, a loss has as good as reached it."""

WAITED_LOOKS = 5
WAITED_STEPS = 300


def not_finite(sight: Sight, remedies: Edits) -> Finding | None:
    """A term of a validation overflowed."""
    bad = [n for n in ("data_term", "prior_term") if not math.isfinite(sight.validation[n])]
    if not bad:
        return None
    return Finding(
        "exploding", f"The {bad[0].replace('_', ' ')} of a validation is not finite.", {}, remedies
    )


def refused_step(message: str, chosen: Chosen) -> Finding:
    """A step that the guard refused; `message` is its own, with the first bad tensor."""
    return Finding("exploding", message, {}, for_instability(chosen))


def no_live_dimension(
    sight: Sight, window: Window, outlook: Outlook | None, remedies: Edits
) -> Finding | None:
    """For LEAST_STEPS steps at full beta no dimension carried information."""
    if outlook is None or window[-1][0] - window[0][0] < LEAST_STEPS:
        return None
    course = "growing" if outlook.growth > 0 else "falling"
    return Finding(
        "at_risk",
        f"No latent dimension is live, and its largest KL of {window[-1][1]:.2g} nats is {course}.",
        {
            "largest_kl": window[-1][1],
            "growth_per_1000_steps": outlook.growth,
            "needed_per_1000_steps": outlook.needed,
            "effective_beta": sight.effective,
        },
        remedies,
    )


def collapse(sight: Sight, outlook: Outlook | None, remedies: Edits) -> Finding | None:
    """The run is certain to end without a live dimension, its data term that of a constant."""
    gained = sight.known.constant - sight.train.get("data_term", -math.inf)
    if outlook is None or not outlook.certain or gained > sight.margin:
        return None
    eigenvalue = sight.known.eigenvalue
    return Finding(
        "collapsed",
        "The run has collapsed and will not recover: no latent dimension is live, and in the "
        f"{sight.remaining:,} steps that are left none can become so.",
        {
            "data_term": sight.train["data_term"],
            "baseline_constant": sight.known.constant,
            "growth_per_1000_steps": outlook.growth,
            "needed_per_1000_steps": outlook.needed,
            "effective_beta": sight.effective,
            **({} if eigenvalue is None else {"largest_eigenvalue": eigenvalue}),
        },
        remedies,
    )


def prior_dominates(sight: Sight, seen: Probe, remedies: Edits) -> Finding | None:
    """The prior term's gradient leaves the data term's no say in the encoder."""
    live = sight.validation["live_dimensions"] > 0 and sight.step >= SETTLED_STEPS
    if seen.pull is None or not live or seen.pull < STRONG_PULL:
        return None
    return Finding(
        "at_risk",
        f"The prior term pulls {seen.pull:.3g} times harder on the encoder than the data term: "
        "collapse is ahead.",
        {"gradient_ratio": seen.pull, "effective_beta": sight.effective},
        remedies,
    )


def dead_output(sight: Sight, seen: Probe, remedies: Edits) -> Finding | None:
    """The decoder gives the same for every z, and it is not the data's mean."""
    if seen.dead < DEAD_SHARE:
        return None
    where = f", since every unit of decoder.{seen.silent[0]} is 0" if seen.silent else ""
    return Finding(
        "dead_output",
        f"The output is dead: in elements with {seen.dead:.0%} of the data's variance the decoder "
        f"gives the same number for every z, and not their mean{where}.",
        {
            "dead_share": seen.dead,
            "data_term": sight.validation["data_term"],
            "baseline_constant": sight.known.constant,
        },
        remedies,
    )


def batch_norm(sight: Sight, seen: Probe, remedies: Edits) -> Finding | None:
    """Batch normalisation does not do in evaluation what it does in training."""
    if seen.batch_norm is None or sight.step == 0:
        return None
    trained = sight.validation["data_term"] - seen.batch_norm
    gain = sight.known.constant - trained
    if seen.batch_norm < max(GAP_SHARE * gain, sight.margin):
        return None
    return Finding(
        "at_risk",
        f"With the running statistics of batch normalisation the same batch costs "
        f"{seen.batch_norm:.3g} nats more than with its own: what is evaluated is not what trains.",
        {"batch_norm_gap": seen.batch_norm, "gain": gain},
        remedies,
    )


def posterior_bounds(seen: Probe, remedies: Edits) -> Finding | None:
    """Log-variances of the posterior lie where the scale compresses them."""
    share, side = max((seen.below, "lower"), (seen.above, "upper"))
    if share < BEYOND:
        return None
    return Finding(
        "at_risk",
        f"{share:.0%} of the posterior's log-variances lie beyond their {side} bound, where they "
        "hardly learn.",
        {"below_share": seen.below, "above_share": seen.above},
        remedies,
    )


def overfitting(sight: Sight, remedies: Edits) -> Finding | None:
    """The validation loss has risen from its best by a share of the gain, the training loss has
    not, and the gap between them is large."""
    past = sight.progress
    if not sight.full or past.get("train") is None or past["above"] < WAITED_LOOKS:
        return None
    seen, unseen = (total(figures, sight.effective) for figures in (sight.train, sight.validation))
    gap, gain = unseen - seen, sight.known.constant - seen
    risen = unseen - past["best"]
    if gain <= sight.margin or gap < GAP_SHARE * gain or risen < 0.1 * gain or seen > past["train"]:
        return None
    return Finding(
        "overfitted",
        f"The run learns its training data by heart: held-out samples cost {gap:.3g} nats more, "
        f"and {risen:.3g} more than at step {past['at']:,}.",
        {"gap": gap, "gain": gain, "best_step": past["at"], "risen": risen},
        remedies,
    )


def stalled(sight: Sight, remedies: Edits) -> Finding | None:
    """The loss no longer falls and is not better than that of the best constant."""
    if not _flat(sight) or (sight.stochastic and sight.validation["live_dimensions"] == 0):
        return None
    if sight.progress["best"] < sight.known.constant - sight.margin:
        return None
    return Finding(
        "stalled",
        f"The loss no longer falls and is still not better than that of the best constant: "
        f"{sight.progress['best']:.2f} nats against {sight.known.constant:.2f}.",
        {"best_loss": sight.progress["best"], "baseline_constant": sight.known.constant},
        remedies,
    )


def behind_ppca(sight: Sight, remedies: Edits) -> Finding | None:
    """The loss no longer falls, and a linear model of the same size is better: on training samples
    too, since it was fitted to those."""
    ppca, live = sight.known.ppca, sight.validation["live_dimensions"] > 0
    if ppca is None or not live or not _flat(sight) or not sight.train:
        return None
    trained = total(sight.train, sight.effective)
    far = max(sight.margin, BEHIND_SHARE * (sight.known.constant - ppca))
    if min(sight.progress["best"], trained) < ppca + far:
        return None
    return Finding(
        "undertrained",
        f"The loss no longer falls and is behind probabilistic PCA with as many latents: "
        f"{sight.progress['best']:.2f} nats against {ppca:.2f}.",
        {"best_loss": sight.progress["best"], "train_loss": trained, "baseline_ppca": ppca},
        remedies,
    )


def _flat(sight: Sight) -> bool:
    past = sight.progress
    if not sight.full or not past or past["looks"] < WAITED_LOOKS:
        return False
    return sight.step - int(past["fell_at"]) >= WAITED_STEPS
