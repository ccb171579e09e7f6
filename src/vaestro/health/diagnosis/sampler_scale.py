"""A sampler that draws from another posterior than the prior term measures.

Shape letters: K latents, S draws.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from vaestro.health.diagnosis.divergences import DRAWS, RIGHT_DRAW, Draw
from vaestro.health.diagnosis.evidence import Evidence
from vaestro.health.diagnosis.jitter import own_randomness
from vaestro.health.diagnosis.patient import Patient
from vaestro.health.finding import Finding

DRAWN = 4000
CENTRE = 0.7
"""The mean at which a sampler is asked, and its negative."""
LEVELS = (-3.0, -1.5, 0.0, 1.0, 2.0)
"""Log-variances at which a sampler is asked."""
CLOSE = 0.1
DRAW_ADVICE = "draw z = mean + exp(log_variance / 2) * torch.randn_like(mean)"


def sampler_scale(evidence: Evidence) -> Finding | None:
    """A sampler that draws from another posterior than the encoder gives."""
    patient, form = evidence.patient, evidence.form
    own = None if patient.sampler is None else _own_sampler(patient, evidence.seen.latent)
    if own is not None or form is None or not form.known or form.draw is RIGHT_DRAW:
        return own
    return _wrong_draw(form.draw, {"left_unexplained": form.left}, "The loss")


def _own_sampler(patient: Patient, latent: int) -> Finding | None:
    """The sampler's mean and standard deviation at known posteriors."""
    drawn = [_drawn(patient, latent, CENTRE, level) for level in LEVELS]
    centres = [float(z.mean()) - CENTRE for z in drawn]
    stds = [float(z.std(0, correction=0).square().mean().sqrt()) for z in drawn]
    slope = float((drawn[0] - _drawn(patient, latent, -CENTRE, LEVELS[0])).mean()) / (2 * CENTRE)
    errors = {draw: _difference(draw, stds) for draw in DRAWS}
    known = {"log_variances": list(LEVELS), "stds": stds}
    if errors[RIGHT_DRAW] < CLOSE:
        if abs(slope - 1) > CLOSE:
            scaled = Draw("mean scaled", f"the mean is multiplied by {slope:.3g}", RIGHT_DRAW.of)
            return _wrong_draw(scaled, {"factor_of_the_mean": slope, **known})
        worst = max(abs(c) / max(s, 1e-9) for c, s in zip(centres, stds, strict=True))
        if worst > 0.2:
            off = Draw("off centre", "the noise does not have mean 0", RIGHT_DRAW.of)
            return _wrong_draw(off, {"shift_in_stds": worst, **known})
        return None
    best = min(errors, key=lambda draw: errors[draw])
    if errors[best] < CLOSE:
        return _wrong_draw(best, known)
    other = Draw("other", "its standard deviation is not exp(log_variance / 2)", RIGHT_DRAW.of)
    return _wrong_draw(other, known)


def _drawn(patient: Patient, latent: int, mean: float, log_variance: float) -> Tensor:
    """(S, K) draws from one posterior, with the same noise at every call."""
    assert patient.sampler is not None
    centre = torch.full((DRAWN, latent), mean).to(patient.x)
    with torch.no_grad(), own_randomness(2):
        return patient.sampler(centre, torch.full_like(centre, log_variance)).double()


def _difference(draw: Draw, stds: list[float]) -> float:
    """The largest relative difference to the standard deviations that `draw` would have."""
    zero, one = torch.zeros(()), torch.ones(())
    wanted = [abs(float(draw.of(zero, torch.tensor(level), one))) for level in LEVELS]
    return max(abs(s - w) / max(w, 0.05) for s, w in zip(stds, wanted, strict=True))


def _wrong_draw(draw: Draw, known: Mapping[str, object], who: str = "The sampler") -> Finding:
    return Finding(
        "scale_mismatch",
        f"{who} does not draw from the posterior that the prior term measures: {draw.fault}.",
        {"sampler": draw.name, **known},
        (DRAW_ADVICE,),
    )
