"""A mixture of Gaussians over z, given a label, covariates or nothing: the Gaussian is one of one.

With covariates c the joint density of (c, z) is what was fitted, and p(z|c) follows from it
exactly. The covariates come first, so that the lower Cholesky factor of a component,

    L = [L_c 0; L_zc L_z],

holds both: p(c) = N(m_c, L_c L_c^T) and p(z|c) = N(m_z + L_zc L_c^-1 (c - m_c), L_z L_z^T).

Shape letters: N samples, K latents, V covariates, D = V + K, G groups (labels told apart, or one),
C components, R rows at a time.
"""

from dataclasses import dataclass, fields
from typing import NamedTuple, Self

import torch
from torch import Tensor

from vaestro.foundation.errors import RecipeError
from vaestro.foundation.samples import NOTHING, Given
from vaestro.generation.priors.latents import Told
from vaestro.probability.normal import LOG_2PI

NUMBERS_AT_ONCE = 8_000_000
"""So many numbers of differences are held at once, whatever N."""


class Densities(NamedTuple):
    """Of each row and component, (R, C): log p(c) and log p(c, z), weights included, and L_c^-1
    (c - m_c), (R, C, V)."""

    covariates: Tensor
    joint: Tensor
    whitened: Tensor


@dataclass(frozen=True)
class Components:
    """sum_k w_k N((c, z); m_k, L_k L_k^T) of each group.

    log_weights: (G, C), minus infinity where a group has fewer components; means: (G, C, D);
    factors: (G, C, D, D), lower triangular; centre and scale (V,) standardise the covariates.
    """

    log_weights: Tensor
    means: Tensor
    factors: Tensor
    centre: Tensor
    scale: Tensor

    @classmethod
    def restored(cls, tensors: dict[str, Tensor]) -> Self:
        """From what `tensors` gave."""
        return cls(**{field.name: tensors[field.name] for field in fields(cls)})

    def tensors(self) -> dict[str, Tensor]:
        """Its numbers by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def draw(self, count: int, generator: torch.Generator, given: Given = NOTHING) -> Tensor:
        """A component by its weight given c, then a draw from its Gaussian given c; (N, K)."""
        covariates, group = self._told(count, given)
        chance = torch.rand(count, generator=generator, dtype=torch.float64)
        noise = torch.randn(count, self._latents, generator=generator)
        z = torch.empty(count, self._latents)
        for number in group.unique().tolist():
            rows = torch.nonzero(group == number)[:, 0]
            found = self._densities(number, covariates[rows], None)
            share = torch.softmax(found.covariates, 1).cumsum(1)
            chosen = (share < chance[rows, None]).sum(1).clamp(max=share.shape[1] - 1)
            for one in chosen.unique().tolist():
                here = torch.nonzero(chosen == one)[:, 0]
                inputs = torch.cat([found.whitened[here, one].float(), noise[rows[here]]], 1)
                factor = self.factors[number, one, self._covariates :]
                z[rows[here]] = self.means[number, one, self._covariates :] + inputs @ factor.T
        return z

    def log_density(self, z: Tensor, given: Given = NOTHING) -> Tensor:
        """log p(z|given) in nats, (N,), by log-sum-exp in 64 bits."""
        covariates, group = self._told(len(z), given)
        result = torch.empty(len(z), dtype=torch.float64)
        some = max(1, NUMBERS_AT_ONCE // self.means[0].numel())
        for number in group.unique().tolist():
            for rows in torch.nonzero(group == number)[:, 0].split(some):
                found = self._densities(number, covariates[rows], z[rows])
                joint, known = (
                    torch.logsumexp(part, 1) for part in (found.joint, found.covariates)
                )
                result[rows] = joint - known
        return result

    @property
    def _covariates(self) -> int:
        return len(self.centre)

    @property
    def _latents(self) -> int:
        return self.means.shape[2] - len(self.centre)

    def _told(self, count: int, given: Given) -> tuple[Tensor, Tensor]:
        """Standardised covariates (N, V) and the group of each sample (N,)."""
        told = Told(len(self.means) if len(self.means) > 1 else 0, self._covariates)
        if (told.labels and given.label is None) or (told.covariates and given.covariates is None):
            raise RecipeError(
                "the prior was fitted for the conditions that the model is told, and they were "
                "not given; give them with every sample"
            )
        group = (
            given.label if told.labels and given.label is not None else torch.zeros(count).long()
        )
        if given.covariates is None or not told.covariates:
            return torch.zeros(count, 0), group.cpu()
        return (given.covariates.cpu() - self.centre) / self.scale, group.cpu()

    def _densities(self, group: int, covariates: Tensor, z: Tensor | None) -> Densities:
        """Of rows of one group; without z, `joint` is that of c alone."""
        known = covariates if z is None else torch.cat([covariates, z], 1)
        size = known.shape[1]
        means, factors = (t[group].double() for t in (self.means, self.factors))
        factors = factors[:, :size, :size]
        apart = (known.double()[:, None] - means[:, :size]).permute(1, 2, 0)  # (C, size, R)
        whitened = torch.linalg.solve_triangular(factors, apart, upper=False).permute(2, 0, 1)
        each = 0.5 * (whitened.square() + LOG_2PI)
        each = each + factors.diagonal(dim1=1, dim2=2).log()
        start = self.log_weights[group].double()
        covariate_part = start - each[..., : self._covariates].sum(-1)
        return Densities(covariate_part, start - each.sum(-1), whitened[..., : self._covariates])
