"""Someone else's model, made a patient: arrays to tensors, any usual answer to ours.

Shape letters: N samples, B batch, K latents, * the sample's or the latent's axes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vaestro.foundation.errors import DataError
from vaestro.foundation.samples import NOTHING, Given
from vaestro.health.diagnosis.patient import Decoded
from vaestro.health.reachable import takes_two
from vaestro.probability.posterior import Posterior


@dataclass(frozen=True)
class Place:
    """The number type and device that a model works in."""

    dtype: torch.dtype
    device: torch.device

    def samples(self, values: Any, name: str) -> Tensor:
        """Samples (N, *) as a tensor. Raises DataError unless they are numbers, finite, >= 2."""
        try:
            tensor = torch.as_tensor(values)
        except (TypeError, ValueError, RuntimeError) as fault:
            raise DataError(f"{name} is no array of numbers ({fault}); give (N, *)") from None
        tensor = tensor.detach().to(self.device, self.dtype)
        if tensor.dim() < 2 or len(tensor) < 2:
            raise DataError(
                f"{name} has shape {tuple(tensor.shape)}; give at least 2 samples, batch first"
            )
        if not bool(torch.isfinite(tensor).all()):
            raise DataError(f"{name} has numbers that are not finite; drop or repair them")
        return tensor

    def given(self, labels: Any, count: int, name: str) -> Given:
        """Labels as a condition: whole numbers as int64, the rest in the model's own type. Raises
        DataError unless they are numbers, one or one row for each of `count` samples."""
        if labels is None:
            return NOTHING
        try:
            tensor = torch.as_tensor(np.asarray(labels) if isinstance(labels, list) else labels)
        except (TypeError, ValueError, RuntimeError) as fault:
            raise DataError(
                f"{name} is no array of numbers ({fault}); give one for each sample: (N,) or (N, *)"
            ) from None
        if tensor.dim() == 0:
            raise DataError(
                f"{name}={tensor.item()} is a single number; give one for each of the {count} "
                "samples"
            )
        if len(tensor) != count:
            raise DataError(f"{name} has {len(tensor)} rows and there are {count} samples")
        whole = not tensor.is_floating_point()
        tensor = tensor.detach().to(self.device, torch.int64 if whole else self.dtype)
        return Given(label=tensor)


@dataclass(frozen=True)
class Encoder:
    """encode as the doctor calls it; `told` when it takes the labels."""

    function: Callable[..., Any]
    told: bool

    def raw(self, x: Tensor, given: Given) -> tuple[Tensor, Tensor]:
        """Mean and log-variance in the model's own shape."""
        answer = self.function(x, given.label) if self.told else self.function(x)
        if hasattr(answer, "base_dist"):
            answer = answer.base_dist
        if isinstance(answer, torch.distributions.Normal):
            return answer.loc, 2 * answer.scale.log()
        if isinstance(answer, (tuple, list)) and len(answer) >= 2:
            mean, log_variance = answer[0], answer[1]
            if isinstance(mean, Tensor) and isinstance(log_variance, Tensor):
                return mean, log_variance
        raise DataError(
            f"encode(x) returned {type(answer).__name__}; it must return (mean, log_variance), "
            "both (B, K), or a torch.distributions.Normal"
        )

    def __call__(self, x: Tensor, given: Given) -> Posterior:
        """Both parameters as (B, K)."""
        mean, log_variance = self.raw(x, given)
        if mean.shape != log_variance.shape or len(mean) != len(x):
            raise DataError(
                f"encode gave a mean of shape {tuple(mean.shape)} and a log-variance of "
                f"{tuple(log_variance.shape)} for {len(x)} samples; both must be (B, K)"
            )
        return Posterior(mean.flatten(1), log_variance.flatten(1))


@dataclass(frozen=True)
class Decoder:
    """decode, or a stand-alone generator, as the doctor calls it: z of (B, K) in the model's own
    latent shape, answers in the sample's."""

    function: Callable[..., Any]
    told: bool
    latent: tuple[int, ...]
    sample: tuple[int, ...]
    name: str = "decode"

    def __call__(self, z: Tensor, given: Given) -> Decoded:
        """What is said of z: (B, K)."""
        shaped = z.reshape(len(z), *self.latent)
        answer = self.function(shaped, given.label) if self.told else self.function(shaped)
        mean, variance = answer, None
        if isinstance(answer, (tuple, list)):
            mean, variance = answer[0], answer[1] if len(answer) > 1 else None
        elif isinstance(answer, torch.distributions.Distribution):
            mean = answer.mean
        return Decoded(self._fitting(mean, len(z)), self._spread(variance, len(z)))

    def _fitting(self, values: Any, count: int) -> Tensor:
        if not isinstance(values, Tensor):
            raise DataError(
                f"{self.name}(z) returned {type(values).__name__}; a tensor (B, *) is needed"
            )
        wanted = (count, *self.sample)
        if values.numel() != int(np.prod(wanted)):
            raise DataError(
                f"{self.name}(z) returned shape {tuple(values.shape)}; samples are {wanted}"
            )
        return values.reshape(wanted)

    def _spread(self, variance: Any, count: int) -> Tensor | None:
        if not isinstance(variance, Tensor):
            return None
        wanted = (count, *self.sample)
        if variance.numel() == int(np.prod(wanted)):
            return variance.reshape(wanted)
        return variance.expand(wanted)


def told_of(function: Callable[..., Any], labelled: bool) -> bool:
    """Whether `function` is to be called with the labels."""
    return labelled and takes_two(function)


def batch_loss(function: Callable[..., Any], labelled: bool) -> Callable[[Tensor, Given], Tensor]:
    """The user's loss as a function of samples and conditions: a scalar, NaN where it refuses."""
    told = told_of(function, labelled)

    def loss(x: Tensor, given: Given) -> Tensor:
        try:
            value = function(x, given.label) if told else function(x)
        except (RuntimeError, ValueError):  # torch's own checks refuse what is not finite
            return x.new_full((), torch.nan)
        value = value[0] if isinstance(value, (tuple, list)) else value
        if not isinstance(value, Tensor):
            raise DataError(f"loss(x) returned {type(value).__name__}; a scalar tensor is needed")
        return value if value.dim() == 0 else value.mean()

    return loss


def latent_shape(encoder: Encoder, x: Tensor, given: Given) -> tuple[int, ...]:
    """The shape of one latent, found by encoding two samples."""
    with torch.no_grad():
        return tuple(encoder.raw(x, given)[0].shape[1:])


def in_shape(
    function: Callable[..., Any] | None, latent: tuple[int, ...]
) -> Callable[[Tensor, Tensor], Tensor] | None:
    """prior_term or sampler, called with latents of the model's own shape."""
    if function is None or len(latent) == 1:
        return function

    def shaped(mean: Tensor, log_variance: Tensor) -> Tensor:
        answer: Tensor = function(
            mean.reshape(len(mean), *latent), log_variance.reshape(len(mean), *latent)
        )
        return answer if answer.dim() < 2 else answer.flatten(1)

    return shaped


def as_module(thing: Any) -> nn.Module | None:
    """`module` as given; a list of modules becomes one. Raises DataError for anything else."""
    if thing is None or isinstance(thing, nn.Module):
        return thing
    if isinstance(thing, (list, tuple)) and all(isinstance(part, nn.Module) for part in thing):
        return nn.ModuleList(thing)
    raise DataError(f"module is a {type(thing).__name__}; give an nn.Module")
