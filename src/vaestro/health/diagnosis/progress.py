"""Training that has not come far enough: stopped while still falling, or never moving.

Letters: h_e the training loss of epoch e.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch

from vaestro.health.diagnosis.evidence import Evidence
from vaestro.health.diagnosis.prior import unexplained
from vaestro.health.finding import Finding
from vaestro.metrics.ppca import eigenvalues, optimum

STILL_FALLING = 0.15
"""A last quarter that brings more than this share of the whole fall is not the end."""
STEEP = 0.25
"""The same for a model whose copies are good by then: what falls is a variance, not the error."""
MOVED = 0.003
"""A loss that moved by less than this share of its size stands still."""
WIDEST = 2048
"""Elements up to which a covariance is taken."""
YOUNG = 3
"""Of fewer epochs nobody can tell whether the loss moves."""
FEW = 5
"""After so few epochs a loss that rests may only be on its first plateau."""
BLIND = 0.95
"""Copies that leave more than this share of tr S are blind to the code."""
COSTLY = 10.0
"""A prior term of more than this many times what the data term saves is no optimum's."""
BEHIND = 0.4
"""A model that saves less than this share of what a linear one could save has not come far."""


def last_quarter(history: Sequence[float]) -> float | None:
    """The share of the fall from first to last that the last quarter of the epochs brought.

    Means of two neighbouring epochs, where there are eight or more, so that noise counts less.
    None where the loss did not fall or there are fewer than two epochs.
    """
    values = [float(v) for v in history]
    if len(values) < 2:
        return None
    if len(values) >= 8:
        values = [(a + b) / 2 for a, b in pairwise(values)]
    quarter = max(1, len(values) // 4)
    whole = values[0] - values[-1]
    return (values[-1 - quarter] - values[-1]) / whole if whole > 0 else None


def still_falling(history: Sequence[float]) -> bool:
    """Whether the last quarter of the epochs brought a good part of a real fall."""
    share = last_quarter(history)
    return share is not None and share > STILL_FALLING and _moved(history) > MOVED


def only_began(history: Sequence[float]) -> bool:
    """Whether the history cannot tell a death from a start: still falling, or few epochs."""
    share = last_quarter(history)
    few = share is not None and len(history) <= FEW and share > 0.005
    return still_falling(history) or few


def linear_share(evidence: Evidence) -> float | None:
    """What the model saves over the constant as a share of what the best linear VAE of its size
    saves (Lucas et al. 2019); None but for a Gaussian with a fixed variance, known weights and no
    condition, far from the threshold."""
    seen, weights = evidence.seen, evidence.weights
    variance = evidence.patient.observation.variance
    flat = seen.train.x.flatten(1)
    if weights is None or variance is None or evidence.patient.told or not seen.stochastic:
        return None
    if flat.shape[1] > WIDEST or weights.effective_beta <= 0:
        return None
    if len(flat) < 2 * flat.shape[1]:
        return None  # so few samples show eigenvalues that no other samples have
    beta = weights.effective_beta
    values = eigenvalues(flat)
    if float(values[0]) < 3 * beta * variance:
        return None
    linear = optimum(values, seen.latent, variance, beta).loss
    constant = (
        0.5 * (float(values.sum()) / variance)
        + optimum(torch.zeros_like(values), 1, variance, beta).loss
    )
    model = seen.data_term - seen.constant + beta * seen.prior_term
    return -model / max(constant - linear, 1e-30)


def no_better(evidence: Evidence) -> bool:
    """Whether the model says no more of x than the best constant.

    Also where codes cost far more nats than they save and copies are blind to them: at an optimum
    beta times the KL is at most what the data term saves, whatever the loss.
    """
    seen = evidence.seen
    saved = seen.constant - seen.data_term
    costly = evidence.effective_beta * seen.prior_term > COSTLY * max(saved, 0.0)
    return saved <= 0 or (costly and unexplained(evidence) > BLIND)


def pays_too_much(evidence: Evidence) -> bool:
    """Whether the code costs more nats than the data term saves over the best constant."""
    seen = evidence.seen
    saved = seen.constant - seen.data_term
    return seen.stochastic and evidence.effective_beta * seen.prior_term > max(saved, 0.0)


def undertrained(evidence: Evidence) -> Finding | None:
    """The loss was still falling, or the model is no better than a constant and moving. Of a run of
    one or two epochs nobody can tell whether it moves."""
    seen, history = evidence.seen, evidence.patient.history
    if not seen.train.finite:
        return None
    young = len(history) < YOUNG
    worse = no_better(evidence) or (young and pays_too_much(evidence))
    linear = linear_share(evidence)
    behind = linear is not None and linear < BEHIND
    moving = young or _moved(history) > MOVED
    share = last_quarter(history)
    good = unexplained(evidence) < 0.5 and share is not None and share < STEEP
    if (still_falling(history) and not good) or (moving and (worse or behind)):
        return _undertrained(evidence, share, linear)
    return None


def stalled(evidence: Evidence) -> Finding | None:
    """The loss stands still while the model is no better than the best constant."""
    seen, history = evidence.seen, evidence.patient.history
    if not seen.train.finite or len(history) < YOUNG or not no_better(evidence):
        return None
    if _moved(history) > MOVED:
        return None
    return Finding(
        "stalled",
        f"Training stands still: the loss moved by {_moved(history):.1%} in {len(history)} epochs, "
        f"and the data term of {seen.data_term:.2f} nats is no better than that of the best "
        f"constant ({seen.constant:.2f}).",
        {
            "data_term": seen.data_term,
            "best_constant": seen.constant,
            "moved": _moved(history),
            "epochs": len(history),
        },
        ("raise the learning rate tenfold", "check that the optimiser has every parameter"),
    )


def _moved(history: Sequence[float]) -> float:
    """The range of the losses as a share of the largest."""
    if not history:
        return 0.0
    size = max(abs(float(v)) for v in history)
    return (max(history) - min(history)) / size if size > 0 else 0.0


def _cost(evidence: Evidence) -> str:
    """What to say of codes that nothing is made of."""
    seen = evidence.seen
    if seen.data_term >= seen.constant or not no_better(evidence):
        return ""
    return (
        f"; codes of {seen.prior_term:.2f} nats change next to nothing that is decoded, which no "
        "optimum of the loss allows: it is another loss than is meant"
    )


def _undertrained(evidence: Evidence, share: float | None, linear: float | None) -> Finding:
    seen, history = evidence.seen, evidence.patient.history
    said = (
        "" if share is None else f"; the last quarter of the epochs brought {share:.0%} of the fall"
    )
    return Finding(
        "undertrained",
        f"Training stopped too early: the data term is {seen.data_term:.2f} nats, that of the best "
        f"constant {seen.constant:.2f}{said}{_cost(evidence)}.",
        {
            "data_term": seen.data_term,
            "best_constant": seen.constant,
            "share_of_the_fall_in_the_last_quarter": share,
            "share_of_a_linear_model's_saving": linear,
            "epochs": len(history),
        },
        ("train at least twice as long", "or raise the learning rate"),
    )
