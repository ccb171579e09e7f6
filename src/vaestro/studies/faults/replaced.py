"""One method of one part of a model, replaced: its class and the names of its tensors stay.

Both replacements are attributes of the instance, which copies of the model take along.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from vaestro.foundation.samples import NOTHING, Given
from vaestro.models.vae import VAE
from vaestro.probability.posterior import Posterior

Nats = Callable[[Posterior], Tensor]
"""(B, K) nats of a posterior, in the place of its KL."""


@dataclass(frozen=True)
class Formula:
    """A prior's divergence that is read from the posterior alone."""

    nats: Nats

    def __call__(
        self,
        posterior: Posterior,
        z: Tensor,
        given: Given = NOTHING,
        noise: Tensor | None = None,
    ) -> Tensor:
        """(B, K) nats."""
        return self.nats(posterior)


def replace_divergence(vae: VAE, nats: Nats) -> None:
    """The model's prior term is what `nats` says."""
    vae.prior.divergence = Formula(nats)  # type: ignore[method-assign]


def replace_log_prob(vae: VAE, log_prob: Callable[[Tensor, Tensor], Tensor]) -> None:
    """The model's data term is minus what `log_prob` says of samples (B, *) and outputs."""
    vae.likelihood.log_prob = log_prob  # type: ignore[method-assign, assignment]


def log_variance_of(posterior: Posterior) -> Tensor:
    """(B, K). Raises ValueError for a point, which has none to be wrong about."""
    if posterior.log_variance is None:
        raise ValueError("this fault needs a posterior with a density")
    return posterior.log_variance
