"""The aggregate posterior itself: z of random training samples.

Shape letters: N samples drawn, M training samples, K latents, V covariates.
"""

import math

import torch
from torch import Tensor

from vaestro.foundation.errors import DataError
from vaestro.foundation.samples import NOTHING, Given
from vaestro.generation.priors.latents import Latents, Told
from vaestro.probability.normal import log_normal

NEIGHBOURS = 16
"""Of so many training samples whose covariates are nearest to what is asked for, one is taken."""
NUMBERS_AT_ONCE = 20_000_000


class Aggregate:
    """q(z) = mean_m q(z|x_m) over the training split; nothing is fitted.

    Of a conditional model, the x_m are those with the same label, and of these one of the 16 whose
    covariates are nearest, in standard deviations.
    """

    def __init__(self, latents: Latents, told: Told) -> None:
        self.latents, self.told = latents, told

    def draw(self, count: int, generator: torch.Generator, given: Given = NOTHING) -> Tensor:
        """z ~ q(z|x_m) of a random m for each sample, (N, K)."""
        chance = torch.rand(count, generator=generator, dtype=torch.float64)
        given = self.told.of(given)
        if not self.told.anything:
            rows = (chance * len(self.latents)).long()
            return self.latents.at(rows).drawn(generator)
        rows = torch.stack([self._row(place, float(u), given) for place, u in enumerate(chance)])
        return self.latents.at(rows).drawn(generator)

    def log_density(self, z: Tensor, given: Given = NOTHING) -> Tensor | None:
        """log mean_m q(z|x_m) in nats, (N,), by log-sum-exp in 64 bits; None for points, which have
        none, and for a conditional model, whose nearest samples are no density."""
        if self.latents.log_variance is None or self.told.anything:
            return None
        mean, spread = self.latents.mean.double(), self.latents.log_variance.double()
        some = max(1, NUMBERS_AT_ONCE // mean.numel())
        logs = [
            torch.logsumexp(log_normal(part[:, None], mean, spread).sum(-1), 1)
            for part in z.double().split(some)
        ]
        return torch.cat(logs) - math.log(len(mean))

    def _row(self, place: int, chance: float, given: Given) -> Tensor:
        """The training sample whose posterior serves sample `place`."""
        own = self.latents.given
        rows = torch.arange(len(self.latents))
        if given.label is not None and own.label is not None:
            rows = torch.nonzero(own.label == given.label[place])[:, 0]
            if len(rows) == 0:
                raise DataError(f"no training sample has label {int(given.label[place])}")
        if given.covariates is not None and own.covariates is not None:
            known = own.covariates[rows].double()
            apart = (known - given.covariates[place]) / own.covariates.double().std(0).clamp(
                min=1e-12
            )
            rows = rows[apart.square().sum(1).argsort(stable=True)[:NEIGHBOURS]]
        return rows[min(int(chance * len(rows)), len(rows) - 1)]
