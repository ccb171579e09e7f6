"""Asking a loss at weights moved at random: its value, and the terms that it may be made of.

Shape letters: B batch, K latents, T data terms, F formulas of the prior term, * the sample's axes.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from vaestro.foundation.samples import Given
from vaestro.health.diagnosis.divergences import DIVERGENCES, DRAWS, RIGHT_DRAW, Draw
from vaestro.health.diagnosis.jitter import jittered, own_randomness
from vaestro.health.diagnosis.patient import Decoded, Observation, Patient
from vaestro.probability.posterior import Posterior

DRAWS_EACH = 2
SIZES = (0.4, 0.2, 0.1, 0.05, 0.02)


class DataTerm(NamedTuple):
    """How a data term may come about: the sampler, and whether every sample of the batch is
    compared with every reconstruction instead of its own."""

    draw: Draw
    crossed: bool = False

    @property
    def right(self) -> bool:
        """Whether it is that of the ELBO."""
        return self.draw is RIGHT_DRAW and not self.crossed


PLAIN = (DataTerm(RIGHT_DRAW),)
DATA_TERMS = (*(DataTerm(draw) for draw in DRAWS), DataTerm(RIGHT_DRAW, crossed=True))


@dataclass(frozen=True)
class Moving:
    """The parameters to move, how far, and whether from zero (present ones are not usable)."""

    parameters: Sequence[Tensor]
    size: float
    fresh: bool


class Answer(NamedTuple):
    """The loss, the data terms (T,) and the prior terms (F,), each a mean over a batch."""

    loss: float
    data: Tensor
    prior: Tensor


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


def ask(
    patient: Patient, moving: Moving, batch: int, seed: int, kinds: Sequence[DataTerm]
) -> Answer:
    """The loss of one batch at weights moved by `seed`, and each of its possible terms there."""
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
            terms.append(_data_terms(patient, x, given, posterior, noise, kinds))
        forms = [one.of(mean, spread).double().sum(1).mean() for one in DIVERGENCES]
    return Answer(sum(losses) / DRAWS_EACH, torch.stack(terms).mean(0), torch.stack(forms))


def _data_terms(
    patient: Patient,
    x: Tensor,
    given: Given,
    posterior: Posterior,
    noise: Tensor,
    kinds: Sequence[DataTerm],
) -> Tensor:
    """The mean data term of each kind, all with the same noise."""
    mean, spread = posterior
    assert spread is not None
    values = []
    for kind in kinds:
        decoded = patient.decode(kind.draw.of(mean, spread, noise), given)
        nats = _of_all_pairs if kind.crossed else _of_own_pairs
        values.append(nats(patient.observation, x, decoded))
    return torch.stack(values)


def _of_own_pairs(observation: Observation, x: Tensor, decoded: Decoded) -> Tensor:
    return observation.nats(x, decoded).double().mean()


def _of_all_pairs(observation: Observation, x: Tensor, decoded: Decoded) -> Tensor:
    """The mean data term of every sample under every reconstruction, B * B pairs.

    Exact with two calls: a Gaussian's data term is quadratic in x and a Bernoulli's linear, so its
    mean over samples is its mean over mean + std and mean - std of every element.
    """
    mean, std = x.mean(0), x.std(0, correction=0)
    ends = [(mean + sign * std).expand_as(x) for sign in (1, -1)]
    return torch.stack([_of_own_pairs(observation, end, decoded) for end in ends]).mean()
