"""Does the decoder's loss reach the encoder? A detached sample leaves it only the prior term.

The loss's gradient with respect to the encoder's tensors is compared with the gradients of its two
terms, whose weights are known; at weights moved at random, since in a collapsed model all are 0.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from vaestro.foundation.samples import Given
from vaestro.health.diagnosis.evidence import Evidence
from vaestro.health.diagnosis.jitter import jittered, own_randomness
from vaestro.health.diagnosis.loss_form import LossForm
from vaestro.health.diagnosis.loss_probe import Moving
from vaestro.health.diagnosis.patient import Patient
from vaestro.health.finding import Finding

TURNS = 8
CLOSE, APART = 0.1, 4.0
"""A cut explains the gradient when it leaves less than the first share of its length, and the whole
loss leaves the second number of times more."""


class Cut(NamedTuple):
    """Where a gradient stops: through the mean, the log-variance (data term) or the prior term."""

    mean: bool
    log_variance: bool
    prior: bool
    what: str


WHOLE = Cut(False, False, False, "")
CUTS = (
    Cut(True, True, False, "the data term, through z: the sample is detached"),
    Cut(True, False, False, "the data term through the mean of the posterior"),
    Cut(False, True, False, "the data term through the log-variance of the posterior"),
    Cut(False, False, True, "the prior term"),
    Cut(True, True, True, "the whole loss"),
)


def detached(evidence: Evidence) -> Finding | None:
    """A sample, or a term, whose gradient does not reach the encoder."""
    cut_sampler = _sampler_cuts(evidence.patient)
    if cut_sampler:
        return _finding(cut_sampler, {})
    form, moving = evidence.form, evidence.moving
    if form is None or moving is None or not form.known or not evidence.tensors.graph:
        return None
    if form.term.crossed:  # the terms below are those of a sample and its own reconstruction
        return None
    left = dict.fromkeys((WHOLE, *CUTS), 0.0)
    for turn in range(TURNS):
        one = _left(evidence.patient, moving, form, turn)
        if one is None:
            return None
        left = {cut: left[cut] + one[cut] / TURNS for cut in left}
    best = min(CUTS, key=lambda cut: left[cut])
    if left[best] < CLOSE and left[WHOLE] > max(APART * left[best], CLOSE):
        return _finding(
            best.what, {"left_by_the_whole_loss": left[WHOLE], "left_with_the_cut": left[best]}
        )
    return None


def _finding(what: str, numbers: dict[str, float]) -> Finding:
    return Finding(
        "untrained_parameter",
        f"The encoder gets no gradient of {what}; it is not trained to help the decoder.",
        numbers,
        (
            "draw z = mean + exp(log_variance / 2) * torch.randn_like(mean), or "
            "Normal(mean, std).rsample(), with no detach(), .data, sample() or torch.no_grad()",
        ),
    )


def _sampler_cuts(patient: Patient) -> str:
    """What the user's own sampler does not pass a gradient to."""
    if patient.sampler is None:
        return ""
    x, given = patient.batch(torch.arange(2))
    with torch.no_grad():
        shape = patient.encode(x, given).mean
    mean = torch.zeros_like(shape).requires_grad_()
    spread = torch.zeros_like(shape).requires_grad_()
    with torch.enable_grad(), own_randomness(1):
        z = patient.sampler(mean, spread)
    if not z.requires_grad:
        return CUTS[0].what
    gradients = torch.autograd.grad(z.sum(), (mean, spread), allow_unused=True)
    lost = [gradient is None for gradient in gradients]
    return CUTS[1].what if lost[0] else CUTS[2].what if lost[1] else ""


def _left(patient: Patient, moving: Moving, form: LossForm, turn: int) -> dict[Cut, float] | None:
    """For the whole loss and each cut, the share of the gradient's length that it misses."""
    rows = torch.randperm(len(patient.x), generator=torch.Generator().manual_seed(turn))
    x, given = patient.batch(rows[: form.batch])
    with jittered(moving.parameters, moving.size, turn, moving.fresh), torch.enable_grad():
        posterior = patient.encode(x, given)
        mean, spread = posterior.mean, posterior.log_variance
        if spread is None or not (mean.requires_grad and spread.requires_grad):
            return None
        tensors = [p for p in moving.parameters if p.requires_grad]
        reached = torch.autograd.grad(
            mean.sum() + spread.sum(), tensors, allow_unused=True, retain_graph=True
        )
        encoder = [p for p, g in zip(tensors, reached, strict=True) if g is not None]
        if not encoder:
            return None
        with own_randomness(turn):
            assert patient.loss is not None
            loss = patient.loss(x, given)
        if not loss.requires_grad:
            return None
        true = _gradient(loss, encoder)
        parts = _parts(patient, form, x, given, mean, spread, encoder, turn)
    size = float(true.norm())
    return {cut: _missed(true, parts, cut) / max(size, 1e-30) for cut in (WHOLE, *CUTS)}


def _parts(
    patient: Patient,
    form: LossForm,
    x: Tensor,
    given: Given,
    mean: Tensor,
    spread: Tensor,
    encoder: list[Tensor],
    turn: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of the data term through the mean, through the log-variance, of the prior term."""
    with own_randomness(turn):
        noise = torch.randn_like(spread)
    data = [
        patient.observation.nats(x, patient.decode(z, given)).mean() * form.data
        for z in (
            form.draw.of(mean, spread.detach(), noise),
            form.draw.of(mean.detach(), spread, noise),
        )
    ]
    prior = form.form.of(mean, spread).sum(1).mean() * form.prior
    through_mean, through_spread, of_prior = (_gradient(v, encoder) for v in (*data, prior))
    return through_mean, through_spread, of_prior


def _missed(true: Tensor, parts: tuple[Tensor, Tensor, Tensor], cut: Cut) -> float:
    kept = [p for p, gone in zip(parts, cut[:3], strict=True) if not gone]
    explained = torch.stack(kept).sum(0) if kept else torch.zeros_like(true)
    return float((true - explained).norm())


def _gradient(value: Tensor, tensors: list[Tensor]) -> Tensor:
    if not value.requires_grad:
        return torch.cat([torch.zeros_like(p).flatten() for p in tensors])
    gradients = torch.autograd.grad(value, tensors, allow_unused=True, retain_graph=True)
    return torch.cat(
        [
            (torch.zeros_like(p) if g is None else g).flatten()
            for p, g in zip(tensors, gradients, strict=True)
        ]
    )
