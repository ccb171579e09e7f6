"""How a loss is put together, found by asking it: the weights of its terms and their formulas.

loss = w_d * data_term + w_p * divergence + constant is fitted by least squares over batches and
over weights moved at random, once for each formula that the divergence and the sampler may have.

Shape letters: P probes, B batch, K latents.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vaestro.foundation.samples import Given
from vaestro.health.diagnosis.divergences import DIVERGENCES, DRAWS, RIGHT, RIGHT_DRAW, Draw, Form
from vaestro.health.diagnosis.jitter import jittered, own_randomness
from vaestro.health.diagnosis.patient import Patient
from vaestro.probability.posterior import Posterior

PROBES = 18
LEAST_PROBES = 8
DRAWS_EACH = 2
SIZES = (0.4, 0.2, 0.1, 0.05, 0.02)
GOOD = 0.03
"""A form that leaves less than this share of the loss's standard deviation explains it."""
EXACT = 1e-5
"""What rounding leaves: no other form is asked for."""
BETTER = 3.0
"""A faulty form is believed only if it leaves this many times less than the right one."""


@dataclass(frozen=True)
class LossForm:
    """loss = data * data_term + prior * form + constant. `left`: the share of the loss's standard
    deviation that the fit leaves; `batch`: samples a batch."""

    data: float
    prior: float
    constant: float
    form: Form
    draw: Draw
    left: float
    batch: int
    prior_error: float
    """The standard error of `prior`."""

    @property
    def known(self) -> bool:
        """Whether the fit explains the loss and sees a data term."""
        return self.left < GOOD and abs(self.data) > 0

    @property
    def right(self) -> bool:
        """Whether the loss is known, with the right divergence and the right sampler."""
        return self.known and self.form is RIGHT and self.draw is RIGHT_DRAW


@dataclass(frozen=True)
class Moving:
    """The parameters to move, how far, and whether from zero (present ones are not usable)."""

    parameters: Sequence[Tensor]
    size: float
    fresh: bool


def choose_moving(patient: Patient, parameters: Sequence[Tensor]) -> Moving | None:
    """The widest moves whose posteriors stay computable; None where none does."""
    x, given = patient.batch(torch.arange(min(64, len(patient.x))))
    for fresh, size in itertools.product((False, True), SIZES):
        moving = Moving(parameters, size * (2 if fresh else 1), fresh)
        if all(_usable(patient, moving, x, given, seed) for seed in range(3)):
            return moving
        if not parameters:
            return None
    return None


def _usable(patient: Patient, moving: Moving, x: Tensor, given: Given, seed: int) -> bool:
    with jittered(moving.parameters, moving.size, seed, moving.fresh), torch.no_grad():
        posterior = patient.encode(x, given)
        if posterior.log_variance is None:
            return False
        far = float(posterior.log_variance.abs().max())
        wide = float(posterior.mean.abs().max())
        decoded = patient.decode(posterior.mean, given)
        finite = bool(torch.isfinite(decoded.mean).all())
    return far < 10 and wide < 50 and finite  # NaN compares false


def find_form(patient: Patient, moving: Moving, batch: int) -> LossForm | None:
    """The form that explains the loss best; None where the loss is not finite at any probe.

    Other samplers than the right one are tried only where that leaves more than rounding.
    """
    found = _forms(patient, moving, batch, DRAWS[:1])
    if found and found[0].left >= EXACT:
        found = _forms(patient, moving, batch, DRAWS)
    return _believed(found) if found else None


def _forms(patient: Patient, moving: Moving, batch: int, draws: Sequence[Draw]) -> list[LossForm]:
    """Every pair of a sampler and a divergence, fitted; the right pair first."""
    probes = [_probe(patient, moving, batch, seed, draws) for seed in range(PROBES)]
    losses = torch.tensor([loss for loss, _, _ in probes], dtype=torch.float64)
    data = torch.stack([terms for _, terms, _ in probes])
    forms = torch.stack([values for _, _, values in probes])
    usable = torch.isfinite(losses) & torch.isfinite(data).all(1) & torch.isfinite(forms).all(1)
    if int(usable.sum()) < LEAST_PROBES:
        return []
    losses, data, forms = losses[usable], data[usable], forms[usable]
    return [
        _fit(losses, data[:, d], forms[:, f], kind, draw, batch)
        for (d, draw), (f, kind) in itertools.product(enumerate(draws), enumerate(DIVERGENCES))
    ]


def _believed(found: list[LossForm]) -> LossForm:
    """The right form unless a faulty one explains much more; simple faults before double ones."""
    ranked = sorted(found, key=lambda one: one.left)
    right = found[0]
    if right.left < EXACT:
        return right
    single = [one for one in ranked if one.form is RIGHT or one.draw is RIGHT_DRAW]
    best = single[0] if single[0].left < GOOD else ranked[0]
    return best if best.left < GOOD and right.left > BETTER * best.left else right


def _probe(
    patient: Patient, moving: Moving, batch: int, seed: int, draws: Sequence[Draw]
) -> tuple[float, Tensor, Tensor]:
    """The loss, the data term under each sampler, each divergence, all means over a batch."""
    random = torch.Generator().manual_seed(1000 + seed)
    rows = torch.randperm(len(patient.x), generator=random)[:batch]
    x, given = patient.batch(rows)
    size = moving.size * (0.25 + 0.75 * (seed % 3) / 2)
    assert patient.loss is not None
    with jittered(moving.parameters, size, seed, moving.fresh), torch.no_grad():
        losses, terms = [], []
        posterior = patient.encode(x, given)
        mean, spread = posterior.mean, posterior.log_variance
        assert spread is not None
        for turn in range(DRAWS_EACH):
            with own_randomness(seed * 31 + turn):
                losses.append(float(patient.loss(x, given)))
            with own_randomness(seed * 31 + turn):
                noise = torch.randn_like(spread)
            terms.append(_data_terms(patient, x, given, posterior, noise, draws))
        forms = [one.of(mean, spread).double().sum(1).mean() for one in DIVERGENCES]
    return sum(losses) / DRAWS_EACH, torch.stack(terms).mean(0), torch.stack(forms)


def _data_terms(
    patient: Patient,
    x: Tensor,
    given: Given,
    posterior: Posterior,
    noise: Tensor,
    draws: Sequence[Draw],
) -> Tensor:
    """The mean data term under each sampler, all with the same noise."""
    mean, spread = posterior
    assert spread is not None
    values = []
    for draw in draws:
        decoded = patient.decode(draw.of(mean, spread, noise), given)
        values.append(patient.observation.nats(x, decoded).double().mean())
    return torch.stack(values)


def _fit(
    losses: Tensor, data: Tensor, form: Tensor, kind: Form, draw: Draw, batch: int
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
    return LossForm(data_weight, prior_weight, constant, kind, draw, left, batch, error)


def _error_of_second(design: Tensor, residual: Tensor) -> float:
    """The standard error of the second coefficient of a least-squares fit."""
    variance = residual.square().sum() / max(1, len(residual) - 3)
    inverse = torch.linalg.pinv(design.T @ design)
    return float((variance * inverse[1, 1]).clamp(min=0).sqrt())
