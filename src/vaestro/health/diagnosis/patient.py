"""What the doctor is shown: a model as functions, its samples, and what else is known of it.

Shape letters: N samples, M held-out samples, B batch, K latents, * the sample's axes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from vaestro.foundation.samples import NOTHING, Given
from vaestro.health.diagnosis.heard import NOTHING_HEARD, THE_LABEL, Heard
from vaestro.probability.posterior import Posterior


class Decoded(NamedTuple):
    """What a decoder says of B samples: the mean (B, *) in the units of x, the variance (B, *)
    where it is fitted, and the outputs that the likelihood itself reads, where they differ."""

    mean: Tensor
    variance: Tensor | None = None
    outputs: Tensor | None = None


class Observation(Protocol):
    """The likelihood that the model means, in nats per sample."""

    @property
    def variance(self) -> float | None:
        """The variance of a Gaussian whose variance is fixed, else None."""

    def nats(self, x: Tensor, decoded: Decoded) -> Tensor:
        """The data term (B,) of x: (B, *), constants included."""

    def constant(self, x: Tensor) -> float:
        """The mean data term of the best constant output for x: (N, *)."""

    def critical_beta(self, x: Tensor) -> float | None:
        """The largest beta at which a latent dimension can live; None where it is not known."""


class Weights(NamedTuple):
    """loss = data * data_term + prior * prior_term + constant; beta is inside `prior`."""

    data: float
    prior: float

    @property
    def effective_beta(self) -> float:
        """The beta of the summed loss with the same optimum."""
        return self.prior / self.data


@dataclass(frozen=True)
class Patient:
    """A trained model. Everything after `beta` is optional and only adds checks.

    encode(x, given) gives the posterior, log_variance None for a plain autoencoder; decode(z,
    given) what the decoder says; x: (N, *) samples it was trained on, `given` their conditions.
    `draw(count, given)` gives prior samples (count, K), `divergence(posterior, z, given, noise)`
    the KL (B, K) to that prior and `log_prior(z, given)` its density (B,); without them the prior
    is standard normal. `known_weights` are those of the loss where
    they need no measuring; `loss(x, given)` is the training loss of a batch; `history` one
    training loss an epoch, `validation` one held-out loss an epoch.
    """

    encode: Callable[[Tensor, Given], Posterior]
    decode: Callable[[Tensor, Given], Decoded]
    x: Tensor
    observation: Observation
    given: Given = NOTHING
    held_out: Tensor | None = None
    held_out_given: Given = NOTHING
    beta: float = 1.0
    told: bool = False
    """Whether any of encode and decode takes what is told."""
    decoder_told: bool = False
    heard: Heard = THE_LABEL
    """What of `given` encode and decode read."""
    carried: Heard = NOTHING_HEARD
    """What the prior itself depends on: samples carry it by their codes."""
    draw: Callable[[int, Given], Tensor] | None = None
    divergence: Callable[[Posterior, Tensor, Given, Tensor], Tensor] | None = None
    log_prior: Callable[[Tensor, Given], Tensor] | None = None
    known_weights: Weights | None = None
    loss: Callable[[Tensor, Given], Tensor] | None = None
    prior_term: Callable[[Tensor, Tensor], Tensor] | None = None
    sampler: Callable[[Tensor, Tensor], Tensor] | None = None
    modules: tuple[nn.Module, ...] = ()
    module: nn.Module | None = None
    optimiser: torch.optim.Optimizer | None = None
    initial: Mapping[str, Tensor] | None = None
    saved: Mapping[str, Any] | None = None
    generator: Callable[[Tensor, Given], Decoded] | None = None
    history: Sequence[float] = field(default=())
    validation: Sequence[float] = field(default=())

    def batch(self, rows: Tensor) -> tuple[Tensor, Given]:
        """Some training samples and their conditions."""
        return self.x[rows], self.given.part(rows)
