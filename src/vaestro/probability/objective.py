"""The objective: the ELBO and its weighted relatives, in nats per sample.

loss = w_d * data_term + w_p * beta * prior_term; nothing else scales a loss.
Shape letters: B batch, K latents.
"""

from typing import Literal, NamedTuple

from pydantic import Field
from torch import Tensor

from vaestro.foundation.config import Config
from vaestro.foundation.schedules import Constant, Horizon
from vaestro.probability import beta as weighting
from vaestro.probability.beta import BetaConfig, BetaState, Capacity
from vaestro.probability.reduction import Reduction, Weights, effective_beta, weights


class ObjectiveConfig(Config):
    """The ELBO and its weighted relatives.

    `beta` weighs the prior term: a number, a schedule, or a rule. `reduction` says how the terms
    are summed or averaged, which weighs them too. `free_bits`: nats of KL for each latent dimension
    that cost nothing.
    """

    kind: Literal["elbo"] = "elbo"
    beta: BetaConfig = Constant(value=1.0)
    reduction: Reduction = "sum"
    free_bits: float = Field(default=0.0, ge=0)


class Terms(NamedTuple):
    """What one batch cost. Scalars but for kl_per_dimension (K,); all in nats per sample.

    `loss` is what is minimised; `data_term` and `prior_term` are never weighted. `label_term` is
    what reading a covariate costs, None where a model reads none.
    """

    loss: Tensor
    data_term: Tensor
    prior_term: Tensor
    kl_per_dimension: Tensor
    label_term: Tensor | None = None

    def with_label(self, label_term: Tensor, weight: float | Tensor) -> "Terms":
        """The same terms and a label term of this weight."""
        return self._replace(loss=self.loss + weight * label_term, label_term=label_term)

    def with_lesson(self, lesson: Tensor) -> "Terms":
        """The same terms, the gradient of `lesson` (scalar) beside that of the loss: it costs
        nothing, since who learns from it is no part of the model that the loss is of."""
        return self._replace(loss=self.loss + (lesson - lesson.detach()))

    def of(self, members: int | Tensor) -> "Terms":
        """Those of one member of a population, or of some: every value has an axis of members."""
        label = None if self.label_term is None else self.label_term[members]
        loss, data_term, prior_term, per_dimension = (value[members] for value in self[:4])
        return Terms(loss, data_term, prior_term, per_dimension, label)


Number = float | Tensor


class Balance(NamedTuple):
    """The numbers that combine the terms of a step; scalars, as tensors where the members of a
    population differ in them.

    data, prior: the reduction's weights; beta: that of the prior term; capacity: the nats at which
    the prior term is held, None where it is not; free_bits: nats of each dimension that cost
    nothing, None for none.
    """

    data: Number
    prior: Number
    beta: Number
    capacity: Number | None = None
    free_bits: Number | None = None


def combined(data_term: Tensor, per_dimension: Tensor, at: Balance) -> Terms:
    """The terms from a mean data term (scalar) and the mean KL per dimension (K,).

    loss = data * D + prior * beta * R, R = sum_j max(KL_j, free_bits), KL_j a mean over the batch
    (Kingma et al. 2016, eq. 15); with a capacity |R - capacity| in place of R.
    """
    prior_term = per_dimension.sum()
    counted = prior_term
    if at.free_bits is not None:
        counted = per_dimension.clamp(min=at.free_bits).sum()
    if at.capacity is not None:
        counted = (counted - at.capacity).abs()
    loss = at.data * data_term + at.prior * (at.beta * counted)
    return Terms(loss, data_term, prior_term, per_dimension)


class Objective:
    """Combines log-likelihoods and KLs of a batch into Terms.

    `elements` and `latent` are N and K; `batch_size` is the recipe's (a smaller last batch of an
    evaluation changes no weight).
    """

    def __init__(
        self, config: ObjectiveConfig, elements: int, latent: int, batch_size: int, horizon: Horizon
    ) -> None:
        self.config = config
        self.horizon = horizon
        self.elements = elements
        self.weights: Weights = weights(config.reduction, elements, latent, batch_size)

    def terms(
        self, log_likelihood: Tensor, kl: Tensor, beta: float | Tensor, step: int | None
    ) -> Terms:
        """log_likelihood: (B,) nats; kl: (B, K) nats; step None: at the end of every schedule."""
        return self.combine(-log_likelihood.mean(), kl.mean(0), beta, step)

    def combine(
        self, data_term: Tensor, per_dimension: Tensor, beta: float | Tensor, step: int | None
    ) -> Terms:
        """The terms from a mean data term (scalar) and the mean KL per dimension (K,)."""
        return combined(data_term, per_dimension, self.balance(beta, step))

    @property
    def additive(self) -> bool:
        """Whether the loss of a batch is the mean of its samples' losses: no free bits and no
        capacity, which look at the batch's mean KL."""
        return not self.config.free_bits and not isinstance(self.config.beta, Capacity)

    def balance(self, beta: float | Tensor, step: int | None) -> Balance:
        """What combines the terms at `step` (None: at the end of every schedule)."""
        capacity = weighting.capacity_at(self.config.beta, step, self.horizon)
        return Balance(*self.weights, beta, capacity, self.config.free_bits or None)

    def beta_at(self, state: BetaState, step: int) -> float | Tensor:
        """The weight of the prior term at `step`."""
        return weighting.beta_at(self.config.beta, state, step, self.horizon)

    def final_beta(self, state: BetaState) -> float | Tensor:
        """The weight at which validation and evaluation are scored."""
        return weighting.final_beta(self.config.beta, state)

    def effective_beta(self, state: BetaState) -> float:
        """beta * w_p / w_d at the end of the schedule."""
        return effective_beta(float(self.final_beta(state)), self.weights)
