"""Prior terms that are not the KL. Letters: m mean, s standard deviation of a latent dimension.

The KL is (m^2 + s^2 - 1 - 2 log s) / 2.
"""

import torch
from torch import Tensor

from vaestro.models.vae import VAE
from vaestro.probability.normal import kl_to_standard
from vaestro.probability.posterior import Posterior
from vaestro.studies.faults.replaced import log_variance_of, replace_divergence


def without_d(posterior: Posterior) -> Tensor:
    """(m^2 + s^2 - 2 log s) / 2: half a nat too many in each dimension, the gradient right."""
    return kl_to_standard(posterior.mean, log_variance_of(posterior)) + 0.5


def std_for_variance(posterior: Posterior) -> Tensor:
    """(m^2 + s - 1 - log s) / 2: the standard deviation stands where the variance belongs."""
    half = 0.5 * log_variance_of(posterior)
    return 0.5 * (posterior.mean.square() + torch.expm1(half) - half)


def missing_minus(posterior: Posterior) -> Tensor:
    """Minus the KL: it falls without end."""
    return -kl_to_standard(posterior.mean, log_variance_of(posterior))


def plant_without_d(vae: VAE, random: torch.Generator) -> None:
    """Leave the -d out of the prior term."""
    replace_divergence(vae, without_d)


def plant_std_for_variance(vae: VAE, random: torch.Generator) -> None:
    """Put the standard deviation where the variance belongs."""
    replace_divergence(vae, std_for_variance)


def plant_missing_minus(vae: VAE, random: torch.Generator) -> None:
    """Turn the sign of the prior term."""
    replace_divergence(vae, missing_minus)
