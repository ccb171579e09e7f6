"""One encoder pass and many draws of z through the decoder: what importance weights are made of.

Shape letters: S samples of z for each x, B batch, K latents, * the sample's axes.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from vaestro.foundation.samples import NOTHING, Given
from vaestro.models.vae import VAE

HELD = 16_000_000
"""So many decoder outputs' activations are kept for the backward pass; beyond them, the draws are
decoded in parts and each part once more backward, which bounds the memory for any S."""


class ImportancePass(NamedTuple):
    """log_likelihood: log p(x|z_s) in natural units, (S, B); log_ratio: log p(z_s) - log q(z_s|x),
    (S, B); kl: (B, K), or (S, B, K) for a prior that estimates it; all in nats."""

    log_likelihood: Tensor
    log_ratio: Tensor
    kl: Tensor


def importance_pass(vae: VAE, x: Tensor, noise: Tensor, given: Given = NOTHING) -> ImportancePass:
    """x: (B, *) in model space; noise: (S, B, K) standard normal. x is encoded once.

    Raises ValueError for a deterministic posterior, whose draws have no density.
    """
    posterior = vae.encode(x, given)
    z = posterior.sample(noise)
    log_ratio = vae.prior.log_prob(z, given) - posterior.log_prob(z)
    log_likelihood = log_likelihoods(vae, x, z, given) + vae.transform.log_det
    return ImportancePass(log_likelihood, log_ratio, vae.prior.divergence(posterior, z, given))


def log_likelihoods(vae: VAE, x: Tensor, z: Tensor, given: Given = NOTHING) -> Tensor:
    """log p(x|z_s) in model space, (S, B), of x: (B, *) and z: (S, B, K).

    A decoder with batch normalisation sees all draws of a part as one batch.
    """
    some = max(1, HELD // x.numel())
    if len(z) <= some:
        return _decoded(vae, x, z, given)
    parts = [
        checkpoint(_decoded, vae, x, part, given, use_reentrant=False) for part in z.split(some)
    ]
    return torch.cat(parts)


def _decoded(vae: VAE, x: Tensor, z: Tensor, given: Given) -> Tensor:
    repeated = x.expand(len(z), *x.shape).flatten(0, 1)
    outputs = vae.decode(z.flatten(0, 1), given.repeated(len(z)))
    log_prob: Tensor = vae.likelihood.log_prob(repeated, outputs)
    return log_prob.reshape(len(z), len(x))
