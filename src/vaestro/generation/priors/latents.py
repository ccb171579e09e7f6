"""The aggregate posterior of a split: what a fitted prior learns from and is measured on.

Shape letters: N samples, K latents, V covariates, L labels.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import torch
from torch import Tensor

from vaestro.foundation.randomness import Stream, generator
from vaestro.foundation.samples import NOTHING, Given, SampleSpec
from vaestro.models.vae import VAE


class Told(NamedTuple):
    """What a model is told of each sample: `labels`, how many there are (0: none is told), and
    the columns of covariates that go with them."""

    labels: int = 0
    covariates: int = 0

    @property
    def anything(self) -> bool:
        """Whether the model is conditioned at all."""
        return self.labels > 0 or self.covariates > 0

    def of(self, given: Given) -> Given:
        """`given` without what the model is not told."""
        return Given(
            given.label if self.labels else None, given.covariates if self.covariates else None
        )


def told_by(vae: VAE, spec: SampleSpec) -> Told:
    """What the condition or the prior of `vae` reads of the labels and covariates of `spec`."""
    condition = vae.condition is not None and vae.condition.by_label
    labelled = condition or bool(getattr(vae.prior, "by_label", False))
    return Told((spec.label_count or 0) if labelled else 0, len(vae.told))


@dataclass(frozen=True)
class Latents:
    """The posteriors of N samples on the CPU, in 32 bits: mean and log_variance (N, K), the latter
    None for points, and what the model is told of them."""

    mean: Tensor
    log_variance: Tensor | None
    given: Given = NOTHING

    def __len__(self) -> int:
        return len(self.mean)

    @property
    def dimensions(self) -> int:
        """K"""
        return self.mean.shape[1]

    def draw(self, seed: int, *counters: int) -> Tensor:
        """One z ~ q(z|x) of each sample, (N, K): fresh noise for every (seed, counters)."""
        return self.drawn(generator(seed, Stream.PRIORS, *counters))

    def drawn(self, random: torch.Generator) -> Tensor:
        """One z ~ q(z|x) of each sample, (N, K), with the noise of `random`."""
        if self.log_variance is None:
            return self.mean
        noise = torch.randn(self.mean.shape, generator=random)
        return self.mean + torch.exp(0.5 * self.log_variance) * noise

    def at(self, rows: Tensor) -> Self:
        """Some of the samples, by number."""
        spread = None if self.log_variance is None else self.log_variance[rows]
        return replace(self, mean=self.mean[rows], log_variance=spread, given=self.given.part(rows))

    def parted(self, seed: int, aside: float = 0.1) -> tuple[Self, Self]:
        """The samples in two: to fit, and the share `aside` to choose by; at least one in each."""
        order = torch.randperm(len(self), generator=generator(seed, Stream.PRIORS, 0))
        count = min(max(1, round(aside * len(self))), len(self) - 1)
        return self.at(order[count:]), self.at(order[:count])


class Score(NamedTuple):
    """The mean log density of held-out draws of q(z), nats, and its standard error."""

    nats: float
    error: float


def score(log_density: Tensor) -> Score:
    """Mean and standard error of log densities (N,), in 64 bits."""
    values = log_density.double()
    error = float(values.std()) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return Score(float(values.mean()), error)
