"""Scores of disentanglement where factors of variation are known: labels and covariates.

Shape letters: N samples, K latents.
"""

from typing import Any

import torch

from vaestro.evaluation.judge import evenly
from vaestro.evaluation.judge_data import Seen
from vaestro.evaluation.references import References
from vaestro.foundation.randomness import Stream, generator
from vaestro.metrics.dci import importance
from vaestro.metrics.factor_score import factor_score
from vaestro.metrics.factors import Factor
from vaestro.metrics.mig import mutual_information_gap
from vaestro.metrics.sap import separated_predictability

MOST_ROWS = 4000
MOST_LATENTS = 256
"""Above so many dimensions the forests take longer than their answer is worth."""


def factors_of(seen: Seen, references: References) -> list[Factor]:
    """Every label and covariate that varies over these samples; codes of few values are levels."""
    label = seen.given.label
    found = [] if label is None else [Factor("label", label, ordered=False)]
    covariates = references.covariates.items()
    found += [Factor(name, values[seen.number], ordered=True) for name, values in covariates]
    return [factor for factor in found if factor.varies]


def disentanglement(seen: Seen, references: References, seed: int) -> dict[str, Any]:
    """{"mig", "sap", "dci": {...}, "factor_vae": {...}, "factors", "n", "reason"} of posterior
    means; every score null, with the reason, where fewer than two factors are known.

    The scores take the factors for independent. Where they are not, as with measured properties of
    streamlines, no code can be perfect.
    """
    some = seen.at(evenly(len(seen.x), MOST_ROWS))
    factors = factors_of(some, references)
    reason = _reason(some, factors)
    if reason is not None:
        nothing = dict.fromkeys(("mig", "sap", "dci", "factor_vae"))
        return {**nothing, "factors": [f.name for f in factors], "n": len(some.x), "reason": reason}
    z = some.z.double()
    dci = importance(z, factors)
    votes = factor_score(z, factors, generator(seed, Stream.EVALUATION, 1))
    return {
        "mig": mutual_information_gap(z, factors),
        "sap": separated_predictability(z, factors),
        "dci": None if dci is None else dci._asdict(),
        "factor_vae": None if votes is None else votes._asdict(),
        "factors": [factor.name for factor in factors],
        "n": len(some.x),
        "reason": None,
    }


def _reason(seen: Seen, factors: list[Factor]) -> str | None:
    if len(factors) < 2:
        return f"{len(factors)} factor known for these samples, and two are needed"
    if not 2 <= seen.z.shape[1] <= MOST_LATENTS:
        return f"{seen.z.shape[1]} latent dimensions, and from 2 to {MOST_LATENTS} are looked at"
    if not bool(torch.isfinite(seen.z).all()):
        return "posterior means that are not finite"
    return None
