"""Scales of the posterior that nothing bounds, or that sampler and prior term read differently.

Letters: l raw scale, m mean, s standard deviation of a latent dimension.
"""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaestro.foundation.errors import RecipeError
from vaestro.models.posterior_head import PosteriorHead
from vaestro.models.vae import VAE
from vaestro.probability.posterior import GaussianConfig, Posterior
from vaestro.studies.faults.replaced import log_variance_of, replace_divergence

MOST = 1e10
"""What log 001 clipped exp(l) to, once it was computed."""
EPSILON = 1e-5
"""What log 003 added to its linear variance before the logarithm."""


@dataclass(frozen=True)
class Unbounded:
    """l is the log-variance as it comes from the layer."""

    kind: str = "unbounded"

    def log_variance(self, raw: Tensor) -> Tensor:
        """raw"""
        return raw


@dataclass(frozen=True)
class OfNorm:
    """s = softplus(|l|) + 1e-5: a norm is never negative, so that s is never below log 2."""

    kind: str = "norm"

    def log_variance(self, raw: Tensor) -> Tensor:
        """2 log(softplus(|raw|) + 1e-5)"""
        return 2 * torch.log(F.softplus(raw.abs()) + 1e-5)


class ClippedPosterior(Posterior):
    """Draws with clip(exp(l / 2)): finite forward, and 0 times infinity backward."""

    __slots__ = ()

    def sample(self, noise: Tensor) -> Tensor:
        """mean + clip(exp(l / 2)) * noise"""
        half = 0.5 * log_variance_of(self)
        return self.mean + clipped_exp(half) * noise


def clipped_exp(x: Tensor) -> Tensor:
    """exp(x), and then a clip at 1e10."""
    return torch.exp(x).clamp(max=MOST)


def plant_unbounded_exp(vae: VAE, random: torch.Generator) -> None:
    """The log-variance has no bound: exp overflows float32 at 88.7."""
    _set_scale(vae, Unbounded())


def plant_clip_after_exp(vae: VAE, random: torch.Generator) -> None:
    """The log-variance has no bound; exp is clipped behind it, in the draw and in the prior term,
    -(1 + l - m^2 - clip(exp(l))) / 2."""
    _set_scale(vae, Unbounded())
    vae.head.register_forward_hook(_clipped)
    replace_divergence(vae, _clipped_divergence)


def plant_linear_epsilon(vae: VAE, random: torch.Generator) -> None:
    """The prior term reads l as a variance, -(1 + log(l + epsilon) - m^2 - l) / 2; the draw goes on
    reading it as a log-variance."""
    _set_scale(vae, Unbounded())
    replace_divergence(vae, _linear_divergence)


def plant_norm_scale(vae: VAE, random: torch.Generator) -> None:
    """The scale is read from a norm."""
    _set_scale(vae, OfNorm())


def _clipped(module: nn.Module, given: Any, found: Posterior) -> Posterior:
    return ClippedPosterior(found.mean, found.log_variance)


def _clipped_divergence(posterior: Posterior) -> Tensor:
    log_variance = log_variance_of(posterior)
    return -0.5 * (1 + log_variance - posterior.mean.square() - clipped_exp(log_variance))


def _linear_divergence(posterior: Posterior) -> Tensor:
    variance = log_variance_of(posterior)
    return -0.5 * (1 + torch.log(variance + EPSILON) - posterior.mean.square() - variance)


def _set_scale(vae: VAE, scale: Any) -> None:
    """Put a scale behind the head that no recipe can name."""
    head = vae.head
    if not isinstance(head, PosteriorHead) or not isinstance(head.config, GaussianConfig):
        raise RecipeError(
            "this fault is one of a posterior's scale, and the model has a point or an encoder "
            "that gives the posterior itself; plant it into model.posterior.kind=gaussian"
        )
    head.config = head.config.model_copy(update={"scale": scale})
