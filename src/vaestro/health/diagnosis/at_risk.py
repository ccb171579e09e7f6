"""A live model whose loss also holds the collapsed state stable: the next start may die."""

from vaestro.health.diagnosis.evidence import Evidence
from vaestro.health.finding import Finding


def at_risk(evidence: Evidence) -> Finding | None:
    """The measured effective beta is above the largest at which a dimension must escape.

    Between the largest eigenvalue and the data's sub-Gaussian proxy both states are minima, so a
    run lives or dies by its start. Asked only where the loss's weights are known or measured.
    """
    seen, patient = evidence.seen, evidence.patient
    weights = evidence.weights
    if weights is None or not seen.stochastic or patient.decoder_told:
        return None
    beta, critical = weights.effective_beta, patient.observation.critical_beta(patient.x)
    if critical is None or beta <= critical:
        return None
    return Finding(
        "at_risk",
        f"The model lives at an effective beta of {beta:.3g}, above the {critical:.3g} at which "
        "the collapsed state becomes stable: another start may die.",
        {"effective_beta": beta, "largest_beta_with_a_live_dimension": critical},
        (f"lower the effective beta to {critical / 2:.3g}",),
    )
