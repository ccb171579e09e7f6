"""Collapse and dead output, told apart by what the constant output is.

Shape letters: N samples, D elements.
"""

import torch

from vaestro.health.diagnosis.evidence import Evidence
from vaestro.health.diagnosis.examination import Examination, critical_beta
from vaestro.health.diagnosis.patient import Patient
from vaestro.health.diagnosis.prior import unexplained
from vaestro.health.diagnosis.progress import only_began
from vaestro.health.finding import Finding

STILL = 1e-3
"""An output that z moves by less than this share of tr S does not depend on z."""
WORSE = 0.15
"""A constant output this share of tr S worse than the best constant is dead."""
PART = 0.25
"""Dead elements that hold more than this share of tr S are a dead output too."""


TOLD = 0.5
"""Copies that leave less than this share of tr S while no dimension is live come from elsewhere."""
TOLD_ADVICE = (
    "take out of the condition whatever was computed from the sample itself",
    "or train a plain regression: the condition already tells the sample",
)


def dead_output(evidence: Evidence) -> Finding | None:
    """An output that does not depend on z and is worse than the best constant, or large parts."""
    seen = evidence.seen
    if not seen.train.finite:
        return None
    excess, stuck = _excess(seen), _stuck(seen)
    if seen.dependence < STILL and excess > WORSE:
        return Finding(
            "dead_output",
            f"The decoder gives the same output for every z, and not the best one: {_nats(seen)}.",
            _numbers(seen, excess, stuck),
            _advice(seen),
        )
    if stuck > PART:
        return Finding(
            "dead_output",
            f"Elements that hold {stuck:.0%} of the variance of the data are given the same value "
            "for every z, which is not their mean: these outputs are dead.",
            _numbers(seen, excess, stuck),
            _advice(seen),
        )
    return None


def _excess(seen: Examination) -> float:
    """|mean output - mean sample|^2 / tr S."""
    off = seen.train.from_draw.double().mean(0) - seen.train.x.double().mean(0)
    return float(off.square().sum()) / max(seen.variance, 1e-30)


def _stuck(seen: Examination) -> float:
    """The share of tr S in elements whose output never moves and lies off the mean. Draws of the
    prior move it too: the posterior means of an empty code can be one point, of any decoder."""
    out, x = torch.cat([seen.train.from_mean, seen.sampled]).double(), seen.train.x.double()
    still = (out - out[:1]).abs().amax(0) == 0
    variance = x.var(0, correction=0)
    off = (out[0] - x.mean(0)).square() > WORSE * variance
    return float(variance[still & off].sum()) / max(float(variance.sum()), 1e-30)


def _numbers(seen: Examination, excess: float, stuck: float) -> dict[str, float]:
    out = seen.train.from_draw
    return {
        "data_term": seen.data_term,
        "best_constant": seen.constant,
        "half_squared_error": _half_squared(seen),
        "half_total_variance": 0.5 * seen.variance,
        "excess_over_total_variance": excess,
        "dependence_on_z": seen.dependence,
        "dead_share_of_variance": stuck,
        "zero_outputs": float((out == 0).double().mean()),
    }


def _half_squared(seen: Examination) -> float:
    error = (seen.train.x - seen.train.from_draw).double().flatten(1)
    return 0.5 * float(error.square().sum(1).mean())


def _nats(seen: Examination) -> str:
    return (
        f"half its squared error is {_half_squared(seen):.2f}, that of the mean sample "
        f"{0.5 * seen.variance:.2f}"
    )


def _advice(seen: Examination) -> tuple[str, ...]:
    if float((seen.train.from_draw == 0).double().mean()) > 0.5:
        first = "end the decoder in a linear layer (Gaussian) or a sigmoid (Bernoulli), not a ReLU"
    else:
        first = "end the decoder in a linear layer, and start its bias at the mean of the data"
    return (first, "lower the learning rate, so that the last layer is not thrown out of range")


def collapsed(evidence: Evidence) -> Finding | None:
    """No latent dimension is live."""
    seen, patient = evidence.seen, evidence.patient
    if not seen.stochastic or seen.live > 0 or not seen.train.finite:
        return None
    critical = critical_beta(patient, seen.train)
    beta = evidence.effective_beta
    if _only_began(patient, beta, critical):
        return None
    told = patient.decoder_told and unexplained(evidence) < TOLD
    numbers = {
        "live_dimensions": 0,
        "latents": seen.latent,
        "prior_term": seen.prior_term,
        "data_term": seen.data_term,
        "best_constant": seen.constant,
        "half_squared_error": _half_squared(seen),
        "half_total_variance": 0.5 * seen.variance,
        "effective_beta": beta,
        "dependence_on_z": seen.dependence,
        **({} if critical is None else {"largest_beta_with_a_live_dimension": critical}),
    }
    return Finding(
        "collapsed",
        f"Collapsed: none of {seen.latent} latent dimensions carries information; "
        + (_told(seen) if told else _constant(seen) + _why(beta, critical)),
        numbers,
        TOLD_ADVICE if told else _remedies(beta, critical),
    )


def _constant(seen: Examination) -> str:
    return (
        f"the data term of {seen.data_term:.2f} nats is that of a constant ({seen.constant:.2f}). "
    )


def _told(seen: Examination) -> str:
    """What to say of a decoder that its condition alone makes good copies."""
    return (
        f"the data term of {seen.data_term:.2f} nats is far below that of a constant "
        f"({seen.constant:.2f}), so the decoder reads the sample from its condition alone and z "
        "has nothing to add."
    )


def _only_began(patient: Patient, beta: float, critical: float | None) -> bool:
    """Whether no dimension is live yet because training was stopped while the loss fell steeply."""
    asked = critical is not None and beta >= critical
    return not asked and only_began(patient.history)


def _why(beta: float, critical: float | None) -> str:
    if critical is None:
        return "How much beta the data bear is not forecast for a variance that the model fits."
    if beta >= critical:
        return (
            f"The loss asks for it: its effective beta of {beta:.3g} is above {critical:.3g}, the "
            "largest at which a dimension can live."
        )
    return (
        f"The loss does not ask for it: a dimension can live up to beta {critical:.3g} and the "
        f"effective beta is {beta:.3g}; the start of training, or a fault, killed them."
    )


def _remedies(beta: float, critical: float | None) -> tuple[str, ...]:
    warm = "let beta rise from 0 over the first part of training"
    if critical is None or beta < critical:
        return (warm, "lower beta")
    return (f"lower the effective beta from {beta:.3g} to {critical / 4:.3g} or below", warm)
