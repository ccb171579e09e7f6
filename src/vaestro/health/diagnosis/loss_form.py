"""How a loss is put together, found by asking it: the weights of its terms and their formulas.

loss = w_d * data_term + w_p * divergence + constant is fitted by least squares over batches and
over weights moved at random, once for each formula that the divergence, the sampler and the
pairing of samples with reconstructions may have.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vaestro.health.diagnosis.divergences import DIVERGENCES, RIGHT, Draw, Form
from vaestro.health.diagnosis.loss_probe import DATA_TERMS, PLAIN, DataTerm, Moving, ask
from vaestro.health.diagnosis.patient import Patient

PROBES = 18
LEAST_PROBES = 8
GOOD = 0.03
"""A form that leaves less than this share of the loss's standard deviation explains it."""
EXACT = 1e-5
"""What rounding leaves: no other form is asked for."""
BETTER = 3.0
"""A faulty form is believed only if it leaves this many times less than the right one."""


@dataclass(frozen=True)
class LossForm:
    """loss = data * term + prior * form + constant. `left`: the share of the loss's standard
    deviation that the fit leaves; `batch`: samples a batch."""

    data: float
    prior: float
    constant: float
    form: Form
    term: DataTerm
    left: float
    batch: int
    prior_error: float
    """The standard error of `prior`."""

    @property
    def draw(self) -> Draw:
        """The sampler."""
        return self.term.draw

    @property
    def known(self) -> bool:
        """Whether the fit explains the loss and sees a data term."""
        return self.left < GOOD and abs(self.data) > 0

    @property
    def right(self) -> bool:
        """Whether the loss is known, with the right divergence and the right data term."""
        return self.known and self.form is RIGHT and self.term.right


def find_form(patient: Patient, moving: Moving, batch: int) -> LossForm | None:
    """The form that explains the loss best; None where the loss is not finite at any probe.

    Other data terms than the right one are tried only where that leaves more than rounding.
    """
    found = _forms(patient, moving, batch, PLAIN)
    if found and found[0].left >= EXACT:
        found = _forms(patient, moving, batch, DATA_TERMS)
    return _believed(found) if found else None


def _forms(
    patient: Patient, moving: Moving, batch: int, kinds: Sequence[DataTerm]
) -> list[LossForm]:
    """Every pair of a data term and a divergence, fitted; the right pair first."""
    answers = [ask(patient, moving, batch, seed, kinds) for seed in range(PROBES)]
    losses = torch.tensor([one.loss for one in answers], dtype=torch.float64)
    data = torch.stack([one.data for one in answers])
    forms = torch.stack([one.prior for one in answers])
    usable = torch.isfinite(losses) & torch.isfinite(data).all(1) & torch.isfinite(forms).all(1)
    if int(usable.sum()) < LEAST_PROBES:
        return []
    losses, data, forms = losses[usable], data[usable], forms[usable]
    return [
        _fit(losses, data[:, d], forms[:, f], form, term, batch)
        for (d, term), (f, form) in itertools.product(enumerate(kinds), enumerate(DIVERGENCES))
    ]


def _believed(found: list[LossForm]) -> LossForm:
    """The right form unless a faulty one explains much more; simple faults before double ones."""
    ranked = sorted(found, key=lambda one: one.left)
    right = found[0]
    if right.left < EXACT:
        return right
    single = [one for one in ranked if one.form is RIGHT or one.term.right]
    best = single[0] if single[0].left < GOOD else ranked[0]
    return best if best.left < GOOD and right.left > BETTER * best.left else right


def _fit(
    losses: Tensor, data: Tensor, form: Tensor, kind: Form, term: DataTerm, batch: int
) -> LossForm:
    """Least squares in 64 bits on columns scaled to unit spread."""
    columns = torch.stack([data, form], 1)
    spread = columns.std(0).clamp(min=1e-12)
    centre = columns.mean(0)
    design = (columns - centre) / spread
    target = losses - losses.mean()
    solved = torch.linalg.lstsq(design, target[:, None]).solution[:, 0]
    left = float((target - design @ solved).std() / target.std().clamp(min=1e-12))
    weights = solved / spread
    constant = float(losses.mean() - weights @ centre)
    error = _error_of_second(design, target - design @ solved) / float(spread[1])
    data_weight, prior_weight = float(weights[0]), float(weights[1])
    return LossForm(data_weight, prior_weight, constant, kind, term, left, batch, error)


def _error_of_second(design: Tensor, residual: Tensor) -> float:
    """The standard error of the second coefficient of a least-squares fit."""
    variance = residual.square().sum() / max(1, len(residual) - 3)
    inverse = torch.linalg.pinv(design.T @ design)
    return float((variance * inverse[1, 1]).clamp(min=0).sqrt())
