"""What linear models reach on the same data, in closed form: the baselines a network must beat.

Letters: D elements, K latents, k known leading eigenvalues.
"""

import torch
from torch import Tensor

from vaestro.metrics.ppca import log_likelihood, optimum


def completed(leading: Tensor, total: float, elements: int) -> Tensor:
    """All D eigenvalues from the k leading ones: the others share what is left evenly.

    Exact for what follows wherever the wanted directions are among the leading ones: beyond them
    only the sum enters.
    """
    leading = leading[:elements]
    rest = elements - len(leading)
    if rest == 0:
        return leading
    left = max(0.0, total - float(leading.sum()))
    return torch.cat([leading, leading.new_full((rest,), left / rest)])


def linear_loss(values: Tensor, latent: int, variance: float, effective_beta: float) -> float:
    """The loss in nats per sample of the best linear VAE: data term + effective beta * prior term.

    Dist/(2 v) + D/2 log(2 pi v) + beta KL with Dist = k tau + sum of the others,
    KL = sum 1/2 log(lambda_i / tau), tau = beta v (Lucas et al. 2019).
    """
    return optimum(values, min(latent, len(values)), variance, effective_beta).loss


def ppca_nats(values: Tensor, latent: int) -> float | None:
    """Minus the log-likelihood of probabilistic PCA at its own best variance (Tipping and Bishop
    1999), nats per sample; None where nothing varies beside the K directions, so that it is
    unbounded."""
    if latent >= len(values) or float(values[latent:].mean()) <= 1e-12 * float(values.sum()):
        return None
    if float(values[latent - 1]) <= 0:
        return None
    return -log_likelihood(values, latent)
