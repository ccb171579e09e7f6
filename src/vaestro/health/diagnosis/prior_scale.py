"""A prior term that is not the KL: std for variance, lost signs, a missing constant.

Shape letters: P batches, K latents.
"""

import math

import torch
from torch import Tensor

from vaestro.health.diagnosis.divergences import DIVERGENCES, RIGHT, Form
from vaestro.health.diagnosis.evidence import Evidence
from vaestro.health.diagnosis.jitter import own_randomness
from vaestro.health.diagnosis.loss_form import LossForm
from vaestro.health.diagnosis.patient import Patient
from vaestro.health.finding import Finding

CLOSE = 0.02
KL_ADVICE = (
    "compute 0.5 * (mean**2 + exp(log_variance) - 1 - log_variance), summed over the latents and "
    "averaged over the batch, and add it to the loss"
)


def prior_scale(evidence: Evidence) -> Finding | None:
    """A prior term that is another quantity than the KL of what the encoder gives."""
    patient = evidence.patient
    own = None if patient.prior_term is None else _own_term(patient, evidence.seen.latent)
    return own or _term_of_loss(evidence)


def _term_of_loss(evidence: Evidence) -> Finding | None:
    """What stands in the loss itself: another formula than the right one, or its negative."""
    form = evidence.form
    if form is None or not form.known:
        return None
    known = {"weight": form.prior, "left_unexplained": form.left}
    visible = abs(form.prior) > 10 * form.prior_error
    if form.form is not RIGHT:
        return _wrong_form(form.form, known)
    if visible and form.prior * form.data < 0:
        return _negative(form.prior / form.data, known)
    if visible and evidence.patient.prior_term is None and _lacks_one(evidence, form):
        return _no_one(0.5 * evidence.seen.latent, evidence.seen.latent)
    return None


def _lacks_one(evidence: Evidence, form: LossForm) -> bool:
    """Whether the constant of the loss is K/2 more than it should be, be the likelihood's own
    normalising constant in the loss or left out of it."""
    half, x = 0.5 * evidence.seen.latent, evidence.patient.x
    variance = evidence.patient.observation.variance
    gaussian = variance is not None or evidence.seen.train.variance is not None
    own = 0.5 * x[0].numel() * math.log(2 * math.pi * (variance or 1.0)) if gaussian else 0.0
    surplus = [c / form.prior / half for c in (form.constant, form.constant + form.data * own)]
    return all(abs(s) > CLOSE for s in surplus) and any(abs(s - 1) < CLOSE for s in surplus)


def _own_term(patient: Patient, latent: int) -> Finding | None:
    """The user's prior_term at known means and log-variances, against every formula."""
    values, forms = _asked(patient, latent)
    if not bool(torch.isfinite(values).all()):
        return None
    fits = [(*_line(form, values), kind) for form, kind in zip(forms, DIVERGENCES, strict=True)]
    right = fits[0]
    best = min(fits, key=lambda fit: fit[2])
    slope, constant, left, kind = right if right[2] < 1e-3 else best
    known = {"slope": slope, "constant": constant, "at_mean_0_variance_0.25": _quarter(patient)}
    if left > CLOSE:
        return None
    if kind is not RIGHT:
        return _wrong_form(kind, known)
    if slope < 0:
        return _negative(slope, known)
    if abs(constant / slope - 0.5 * latent) < CLOSE * latent:
        return _no_one(0.5 * latent, latent)
    return None


def _asked(patient: Patient, latent: int) -> tuple[Tensor, list[Tensor]]:
    """(P,) values of prior_term, summed over latents and averaged over the batch, and of every
    formula, at P random batches."""
    assert patient.prior_term is not None
    values, forms = [], []
    for seed in range(16):
        random = torch.Generator().manual_seed(seed)
        mean = torch.randn(8, latent, generator=random).to(patient.x) * (0.3 + 0.1 * seed)
        spread = torch.randn(8, latent, generator=random).to(patient.x) - 0.1 * seed
        with torch.no_grad(), own_randomness(seed):
            answer = patient.prior_term(mean, spread)
        answer = answer.sum(1) if answer.dim() == 2 else answer
        values.append(answer.double().mean())
        forms.append([kind.of(mean, spread).double().sum(1).mean() for kind in DIVERGENCES])
    columns = torch.tensor(forms, dtype=torch.float64)
    return torch.stack(values), list(columns.unbind(1))


def _line(form: Tensor, values: Tensor) -> tuple[float, float, float]:
    """values = slope * form + constant: both, and the share of the spread that is left."""
    centred, wanted = form - form.mean(), values - values.mean()
    slope = float((centred @ wanted) / (centred @ centred))
    left = float((wanted - slope * centred).norm() / wanted.norm().clamp(min=1e-12))
    return slope, float(values.mean()) - slope * float(form.mean()), left


def _quarter(patient: Patient) -> float:
    """prior_term of one latent with mean 0 and variance 1/4: right is 0.3181."""
    assert patient.prior_term is not None
    mean = torch.zeros(1, 1).to(patient.x)
    with torch.no_grad():
        return float(patient.prior_term(mean, mean + torch.tensor(0.25).log().to(mean)).sum())


def _wrong_form(kind: Form, known: dict[str, float]) -> Finding:
    return Finding(
        "scale_mismatch",
        f"The prior term is not the KL divergence of what the encoder gives: {kind.fault}, so the "
        "prior term and the sampler speak of different posteriors.",
        {"formula": kind.name, **known},
        (KL_ADVICE,),
    )


def _negative(slope: float, known: dict[str, float]) -> Finding:
    return Finding(
        "scale_mismatch",
        "The prior term has the wrong sign: training is paid for moving the posterior away from "
        "the prior, without end.",
        {"formula": "minus the KL", "relative_weight": slope, **known},
        (KL_ADVICE,),
    )


def _no_one(floor: float, latent: int) -> Finding:
    return Finding(
        "scale_mismatch",
        f"The prior term lacks the -1 of each latent dimension: it cannot fall below {floor:g} "
        "nats, where the KL of a posterior equal to the prior is 0.",
        {"formula": "no -1", "floor": floor, "latents": latent},
        (KL_ADVICE,),
    )
