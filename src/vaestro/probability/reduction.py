"""Which weights a reduction means, and which effective beta and observation variance they make.

Letters: N elements of a sample, K latents, B batch size.
"""

from typing import Literal, NamedTuple

Reduction = Literal["sum", "mean", "mean-both", "mean-batch-sum"]
"""sum: nats as they are. mean: data term over N. mean-both: also the prior term over K.
mean-batch-sum: data term over N, prior term summed over the batch."""


class Weights(NamedTuple):
    """loss = data * data_term + prior * beta * prior_term."""

    data: float
    prior: float


def weights(reduction: Reduction, elements: int, latent: int, batch_size: int) -> Weights:
    """The weights that `reduction` puts on the two terms, both in nats per sample."""
    match reduction:
        case "sum":
            return Weights(1.0, 1.0)
        case "mean":
            return Weights(1.0 / elements, 1.0)
        case "mean-both":
            return Weights(1.0 / elements, 1.0 / latent)
        case "mean-batch-sum":
            return Weights(1.0 / elements, float(batch_size))


def effective_beta(beta: float, at: Weights) -> float:
    """The beta of the summed loss with the same optimum: beta * w_p / w_d."""
    return beta * at.prior / at.data


def effective_variance(effective: float, fixed_variance: float | None) -> float | None:
    """The sigma^2 of the beta-1 Gaussian VAE with the same optimum; None unless x_var is fixed.

    loss = sq / (2 v) + beta KL is proportional to sq / (2 beta v) + KL, so sigma^2 = beta * v.
    """
    return None if fixed_variance is None else effective * fixed_variance
