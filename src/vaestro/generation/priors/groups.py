"""Labels told apart: which samples a mixture of each label is fitted to, and how they are joined.

Shape letters: N samples, K latents, V covariates, D = V + K, C components.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from vaestro.generation.priors.components import Components
from vaestro.generation.priors.latents import Latents, Told

ENOUGH = 5
"""A label is fitted apart when it has so many samples for each dimension of the joint density."""


class Fitted(NamedTuple):
    """One group's mixture: weights (C,), means (C, D) and lower factors (C, D, D), in 64 bits, of
    (standardised covariates, z)."""

    weights: Tensor
    means: Tensor
    factors: Tensor


class Grouped(NamedTuple):
    """The mixtures of every label together, and the labels that share that of all samples."""

    components: Components
    pooled: list[int]


def by_label(latents: Latents, told: Told, fit: Callable[[Latents, Tensor], Fitted]) -> Grouped:
    """`fit` to the latents of each label that has enough of them, to all latents for the others.

    `fit` is given latents (N, K) and their standardised covariates (N, V).
    """
    numbers = latents.given.covariates if told.covariates else None
    numbers = torch.zeros(len(latents), 0) if numbers is None else numbers.float()
    centre, scale = _moments(numbers)
    standard = (numbers - centre) / scale
    rows = _rows(latents, told)
    least = ENOUGH * (latents.dimensions + told.covariates)
    pooled = [number for number, own in enumerate(rows) if len(own) < least]
    if not told.labels or pooled:
        whole = fit(latents, standard)
    fits = [
        whole if not told.labels or number in pooled else fit(latents.at(own), standard[own])
        for number, own in enumerate(rows)
    ]
    return Grouped(_joined(fits, centre, scale), pooled if told.labels else [])


def _rows(latents: Latents, told: Told) -> list[Tensor]:
    """The numbers of the samples of each group."""
    if not told.labels:
        return [torch.arange(len(latents))]
    assert latents.given.label is not None
    return [torch.nonzero(latents.given.label == number)[:, 0] for number in range(told.labels)]


def _moments(numbers: Tensor) -> tuple[Tensor, Tensor]:
    if numbers.shape[1] == 0:
        return torch.zeros(0), torch.ones(0)
    std = numbers.double().std(0, correction=0)
    return numbers.double().mean(0).float(), torch.where(std > 0, std, 1.0).float()


def _joined(fits: list[Fitted], centre: Tensor, scale: Tensor) -> Components:
    """Groups of unequal numbers of components beside each other; weight 0 fills them up."""
    most = max(len(fit.weights) for fit in fits)

    def padded(part: Tensor, like: Tensor) -> Tensor:
        return torch.cat([part, like.expand(most - len(part), *like.shape[1:])])

    return Components(
        torch.stack(
            [padded(fit.weights.log(), torch.full((1,), -torch.inf)) for fit in fits]
        ).float(),
        torch.stack([padded(fit.means, fit.means[:1]) for fit in fits]).float(),
        torch.stack([padded(fit.factors, fit.factors[:1]) for fit in fits]).float(),
        centre,
        scale,
    )
