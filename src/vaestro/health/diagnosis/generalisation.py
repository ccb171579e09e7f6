"""Overfitting: what training samples save, held-out samples do not."""

import math

from vaestro.health.diagnosis.evidence import Evidence
from vaestro.health.diagnosis.examination import Codes
from vaestro.health.finding import Finding

LARGE = 1 / 3
"""A held-out loss that loses more than this share of what the code saves on training samples."""

SURE = 4.0
"""Standard errors that the gap must exceed."""


def _standard_error(train: Codes, held: Codes, beta: float) -> float:
    """Of the difference of two mean losses."""
    losses = [split.nats.double() + beta * split.kl.double().sum(1) for split in (train, held)]
    return math.sqrt(sum(float(loss.var()) / len(loss) for loss in losses))


def overfitted(evidence: Evidence) -> Finding | None:
    """The share of the saving on training samples that is lost on held-out ones.

    Both are measured from one constant, that of the training samples, labels pooled: constants of
    few held-out samples would fit themselves.
    """
    seen = evidence.seen
    if seen.held is None or not (seen.train.finite and seen.held.finite):
        return None
    beta = evidence.effective_beta
    trained = seen.data_term + beta * seen.prior_term
    held = float((seen.held.nats.double() + beta * seen.held.kl.double().sum(1)).mean())
    constant = evidence.patient.observation.constant(seen.train.x)
    saved, saved_held = constant - trained, constant - held
    if saved <= 0 or saved_held > (1 - LARGE) * saved:
        return None
    if held - trained < SURE * _standard_error(seen.train, seen.held, beta):
        return None
    lost = 1 - saved_held / saved
    return Finding(
        "overfitted",
        f"Overfitted: on training samples the code saves {saved:.2f} nats over the best constant, "
        f"on held-out samples {saved_held:.2f}; {lost:.0%} of the saving is lost.",
        {
            "train_loss": trained,
            "held_out_loss": held,
            "train_saving": saved,
            "held_out_saving": saved_held,
            "lost_share": lost,
            "best_constant": constant,
        },
        (
            "stop at the best held-out loss",
            "use more samples or augmentation, a smaller network, dropout or a larger beta",
        ),
    )
