"""A stand-alone decoder that is not the trained one (log 003 sampled with fresh layers)."""

import torch

from vaestro.health.diagnosis.evidence import Evidence
from vaestro.health.finding import Finding

SAME = 0.01
"""A root mean square difference below this share of the data's spread is rounding or precision."""


def decoder_differs(evidence: Evidence) -> Finding | None:
    """generator and decode on the same z."""
    patient, seen = evidence.patient, evidence.seen
    if patient.generator is None:
        return None
    z, given = seen.train.z, seen.train.given
    with torch.no_grad():
        trained = patient.decode(z, given).mean.double()
        alone = patient.generator(z, given).mean.double()
    error = (trained - alone).flatten(1).square().sum(1).mean()
    share = float((error / max(seen.variance, 1e-30)).sqrt())
    if share < SAME:
        return None
    own = (seen.train.x.double() - alone).flatten(1).square().sum(1).mean()
    return Finding(
        "decoder_differs",
        f"The decoder that generates is not the trained one: on the same z they differ by "
        f"{share:.0%} of the data's standard deviation.",
        {
            "difference_in_stds": share,
            "squared_error_of_decode": float(
                (seen.train.x.double() - trained).flatten(1).square().sum(1).mean()
            ),
            "squared_error_of_generator": float(own),
        },
        ("generate with the trained module itself, or load its saved state strictly",),
    )
