"""Every check in order: causes first, then what they lead to."""

from collections.abc import Callable
from typing import NamedTuple, get_args

from vaestro.health.diagnosis.at_risk import at_risk
from vaestro.health.diagnosis.collapse import collapsed, dead_output
from vaestro.health.diagnosis.condition import condition_ignored
from vaestro.health.diagnosis.evidence import Evidence
from vaestro.health.diagnosis.generalisation import overfitted
from vaestro.health.diagnosis.generator import decoder_differs
from vaestro.health.diagnosis.gradient_flow import detached
from vaestro.health.diagnosis.patient import Patient
from vaestro.health.diagnosis.prior import prior_mismatch
from vaestro.health.diagnosis.prior_scale import prior_scale
from vaestro.health.diagnosis.progress import pays_too_much, stalled, undertrained
from vaestro.health.diagnosis.reduction import wrong_reduction
from vaestro.health.diagnosis.sampler_scale import sampler_scale
from vaestro.health.diagnosis.unsaved import unsaved
from vaestro.health.diagnosis.untrained import untrained
from vaestro.health.diagnosis.variance import exploding, unbounded_variance
from vaestro.health.finding import Finding, Kind

Check = Callable[[Evidence], Finding | None]

CAUSES: tuple[Check, ...] = (
    unsaved,
    untrained,
    prior_scale,
    sampler_scale,
    detached,
    wrong_reduction,
    condition_ignored,
    decoder_differs,
    unbounded_variance,
)
"""Faults in how the model is written."""

STATES: tuple[Check, ...] = (exploding, dead_output, collapsed, overfitted, prior_mismatch)
"""How it came out; each excludes what follows it. Codes that learnt single samples by heart are no
draws of the prior either, so overfitting is asked for first."""

PACE: tuple[Check, ...] = (stalled, undertrained, at_risk)
"""Asked only of a model that nothing else is wrong with; the first that speaks is the last."""

VERDICTS: tuple[Kind, ...] = get_args(Kind)[:9]


def run_checks(evidence: Evidence) -> tuple[Finding, ...]:
    """The findings, the cause first."""
    findings = [found for check in CAUSES if (found := check(evidence)) is not None]
    for check in STATES:
        found = check(evidence)
        if found is not None:
            findings.append(found)
            break
    if findings:
        return tuple(findings)
    pace = (check(evidence) for check in PACE)
    return tuple(found for found in pace if found is not None)[:1]


def verdict_of(findings: tuple[Finding, ...]) -> Kind:
    """The first finding that is a state of health; at_risk for faults that show no harm yet."""
    states = [found.kind for found in findings if found.kind in VERDICTS]
    return states[0] if states else "at_risk" if findings else "healthy"


class Need(NamedTuple):
    """What a check cannot do without."""

    check: str
    lacks: Callable[[Patient, Evidence], bool]
    piece: str


NEEDS = (
    Need("reduction", lambda p, e: p.loss is None and p.known_weights is None, "loss"),
    Need("scale of the prior term", lambda p, e: p.loss is None and p.prior_term is None, "loss"),
    Need("scale of the sampler", lambda p, e: p.loss is None and p.sampler is None, "loss"),
    Need("gradient flow", lambda p, e: p.loss is None and p.sampler is None, "loss"),
    Need(
        "form of the loss",
        lambda p, e: p.loss is not None and (e.form is None or not e.form.known),
        "a loss that a data term and a KL explain",
    ),
    Need("parameters in the optimiser", lambda p, e: p.optimiser is None, "optimiser"),
    Need("parameters that moved", lambda p, e: p.initial is None, "initial"),
    Need("parameters on disk", lambda p, e: p.saved is None, "saved"),
    Need("stand-alone decoder", lambda p, e: p.generator is None, "generator"),
    Need("overfitting", lambda p, e: p.held_out is None, "held_out"),
    Need("progress of training", lambda p, e: len(p.history) < 3, "history"),
    Need(
        "use of the condition",
        lambda p, e: p.given.label is None and not p.heard.columns,
        "labels",
    ),
)


def unchecked(evidence: Evidence) -> tuple[str, ...]:
    """The checks that lacked what they need, each with the piece to give."""
    patient = evidence.patient
    return tuple(
        f"{need.check} (give {need.piece})" for need in NEEDS if need.lacks(patient, evidence)
    )


def summary(findings: tuple[Finding, ...], evidence: Evidence) -> str:
    """One sentence on how the model is."""
    if findings:
        return findings[0].sentence
    seen = evidence.seen
    live = f"{seen.live} of {seen.latent} latent dimensions are live, " if seen.stochastic else ""
    better = seen.constant - seen.data_term
    cost = (
        f"; the code costs {seen.prior_term:.2f}, more than it saves"
        if pays_too_much(evidence)
        else ""
    )
    began = "No fault was found" if cost else "Healthy"
    return (
        f"{began}: {live}and the data term of {seen.data_term:.2f} nats is {better:.2f} below that "
        f"of the best constant{cost}."
    )
