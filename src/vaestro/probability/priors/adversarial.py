"""The adversarial prior: codes as a whole are made to look like draws of p(z) to a discriminator.

Makhzani et al. 2015 (arXiv 1511.05644), as one minimisation: the encoder minimises what the
discriminator maximises, which it is taught by a gradient of its own (the reversal of Ganin and
Lempitsky 2015). Shape letters: B batch, K latents, L labels, N samples.
"""

import math
from typing import Annotated, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor
from torch.nn.functional import logsigmoid

from vaestro.foundation.config import ByKind, Config, Widths
from vaestro.foundation.errors import RecipeError
from vaestro.foundation.samples import NOTHING, Given
from vaestro.probability.beta import Capacity
from vaestro.probability.importance_objective import ImportanceConfig
from vaestro.probability.objective import ObjectiveConfig
from vaestro.probability.posterior import DeterministicConfig, GaussianConfig, Posterior
from vaestro.probability.priors.discriminator import Discriminator
from vaestro.probability.priors.prior import Prior
from vaestro.probability.priors.shapes import PetalsConfig, ShapeKind, build_shape
from vaestro.probability.priors.standard_normal import StandardNormalConfig


class AdversarialConfig(Config):
    """p(z) of this `shape`, which a discriminator with layers of `widths` tells from the codes.

    `labels`: the discriminator is told the label, and each label has its own part of the shape (of
    a Gaussian, all of it). `rate`: how many times the learning rate the discriminator learns at.
    `penalty`: what steepness costs it, without which the two players need not come to rest.
    `pull`: the divergence whose gradient the encoder follows; that of js, which is reported, fades
    where the discriminator is sure, and that of kl does not.
    """

    kind: Literal["adversarial"] = "adversarial"
    shape: Annotated[Annotated[ShapeKind, Field(discriminator="kind")], ByKind] = (
        StandardNormalConfig()
    )
    labels: bool = False
    widths: Widths = (64, 64)
    rate: float = Field(default=3.0, gt=0, le=100)
    penalty: float = Field(default=0.1, ge=0)
    pull: Literal["js", "kl"] = "kl"

    @model_validator(mode="after")
    def _counted_once(self) -> Self:
        if not isinstance(self.shape, PetalsConfig):
            return self
        if self.labels and self.shape.components is not None:
            raise ValueError(
                f"labels=true makes one petal a label, and shape.components="
                f"{self.shape.components} was given; leave it out, or give labels=false"
            )
        if not self.labels and self.shape.components is None:
            raise ValueError(
                "shape=petals needs to know how many there are; give shape.components=10, or "
                "labels=true for one a label"
            )
        return self


class Adversarial(Prior):
    """A fixed p(z), or p(z|y), and the discriminator that measures how far the codes are from it.

    Its divergence is the Jensen-Shannon divergence between the aggregate posterior and p(z), as far
    as the discriminator sees it: ln 2 + E_p[log D] / 2 + E_q[log(1 - D)] / 2 nats (Goodfellow et
    al. 2014, theorem 1), a lower bound on the true one, at most ln 2; below 0 only while the
    discriminator is wrong. It belongs to no dimension: each bears an equal share.

    Far from p(z) its gradient is nearly 0. The same discriminator's logit estimates log p(z)/q(z),
    so minus its mean over the codes is KL(q(z) || p(z)) (Mescheder et al. 2017, eq. 3.3), whose
    gradient the encoder follows with pull=kl.
    """

    def __init__(
        self, config: AdversarialConfig, latent: int, labels: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.by_label, self.pull, self.penalty = labels > 0, config.pull, config.penalty
        self.shape = build_shape(config.shape, latent, labels)
        self.discriminator = Discriminator(latent, labels, config.widths, config.rate, generator)

    def divergence(
        self,
        posterior: Posterior,
        z: Tensor,
        given: Given = NOTHING,
        noise: Tensor | None = None,
    ) -> Tensor:
        """The estimate from z and as many draws of p(z), (B, K), whose mean over the batch and sum
        over K it is. Its gradient, that of `pull`, reaches z and never the discriminator. `noise`
        (B, K) is standard normal and independent of z: the draws of p(z) are made of it.
        """
        if noise is None:
            raise ValueError("the adversarial prior compares codes with draws made of noise")
        label = self._told(given)
        draws = self.shape.drawn(noise, label)
        real, codes = (self.discriminator(x, label, learns=False) for x in (draws, z))
        nats = math.log(2.0) - _cross_entropy(real, codes)
        if self.pull == "kl":
            nats = nats.detach() - (codes - codes.detach())
        return (nats / z.shape[1])[:, None].expand_as(z)

    def lesson(self, z: Tensor, given: Given, noise: Tensor) -> Tensor:
        """What the discriminator learns from, (B,): the cross-entropy of telling z from draws z_p
        of p(z), and penalty / 2 |d logit / dz_p|^2; its gradient never reaches z.

        Without the second the two players circle each other and need not come to rest (Mescheder
        et al. 2018, arXiv 1801.04406, eq. 9).
        """
        label = self._told(given)
        draws = self.shape.drawn(noise, label)
        real, codes = (self.discriminator(x, label, learns=True) for x in (draws, z.detach()))
        nats = _cross_entropy(real, codes)
        if not self.penalty:
            return nats
        return nats + 0.5 * self.penalty * self.discriminator.slope(draws, label).square().sum(1)

    def log_prob(self, z: Tensor, given: Given = NOTHING) -> Tensor:
        """log p(z), or log p(z|y) where labels are told and given."""
        return self.shape.log_prob(z, given.label if self.by_label else None)

    @torch.no_grad()
    def sample(
        self, count: int, latent: int, generator: torch.Generator, given: Given = NOTHING
    ) -> Tensor:
        """Draws (N, K) from p(z), or from p(z|y) where labels are told; without them every label is
        equally likely."""
        place = generator.device
        noise = torch.randn(count, latent, generator=generator, device=place)
        parts, each = self.shape.angles.shape
        label = torch.randint(parts, (count,), generator=generator, device=place)
        component = torch.randint(each, (count,), generator=generator, device=place)
        if self.by_label and given.label is not None:
            label = given.label.to(place)
        return self.shape.placed(noise, label, component)

    def _told(self, given: Given) -> Tensor | None:
        if not self.by_label:
            return None
        if given.label is None:
            raise RecipeError(
                "the prior's discriminator is told the label (model.prior.labels=true), and it was "
                "not given; give it with every sample"
            )
        return given.label


def _cross_entropy(real: Tensor, codes: Tensor) -> Tensor:
    """-(log D(z_p) + log(1 - D(z))) / 2 in nats, from the logits of draws z_p and of codes z."""
    return -0.5 * (logsigmoid(real) + logsigmoid(-codes))


def require_point(posterior: GaussianConfig | DeterministicConfig) -> None:
    """Raise ValueError, in one line for a recipe's reader, unless `posterior` is a point.

    A Gaussian one would be scored by an ELBO, of which the divergence is no term.
    """
    if not isinstance(posterior, DeterministicConfig):
        raise ValueError(
            f"prior.kind=adversarial shapes the codes of an autoencoder, and posterior.kind="
            f"{posterior.kind} has a KL of its own; give posterior.kind=deterministic"
        )


def require_weighable(objective: ObjectiveConfig | ImportanceConfig) -> None:
    """Raise ValueError, in one line for a recipe's reader, unless `objective` can weigh a
    divergence that belongs to no dimension and never exceeds ln 2 nats."""
    why = "model.prior.kind=adversarial has a divergence of the codes as a whole, "
    if isinstance(objective, ImportanceConfig):
        raise ValueError(why + "and no density to weigh draws by; give objective.kind=elbo")
    if objective.free_bits:
        raise ValueError(
            why + "and no dimension that free bits could spare; give objective.free_bits=0"
        )
    if isinstance(objective.beta, Capacity):
        raise ValueError(
            why + "at most ln 2 nats, which needs no capacity; give objective.beta a "
            "number or a schedule"
        )
