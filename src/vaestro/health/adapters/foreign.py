"""Somebody else's VAE as the functions that the doctor asks for.

Shape letters: B batch, K latents, C latent channels, * the sample's axes.
"""

import importlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import torch
from torch import Tensor, nn

from vaestro.foundation.errors import DataError, one_line


@dataclass(frozen=True)
class Foreign:
    """A model of another library, ready for `vaestro.diagnose(x=x, **foreign)`.

    encode: x (B, *) -> mean and log-variance, (B, K) each; decode: z (B, K) -> the mean (B, *) in
    the data's units; module: what should train; likelihood, variance and beta: what the loss means,
    in summed nats; loss: x (B, *) -> the scalar that its own training minimises, None where the
    model does not hold it; optimiser: the one it is trained with, None where it is not known.
    """

    encode: Callable[..., tuple[Tensor, Tensor]]
    decode: Callable[..., Tensor]
    module: nn.Module
    likelihood: Literal["gaussian", "bernoulli"] = "gaussian"
    variance: float = 1.0
    beta: float = 1.0
    loss: Callable[..., Tensor] | None = None
    optimiser: torch.optim.Optimizer | None = None

    def keys(self) -> Iterator[str]:
        """The fields that are known: with `[]` this is all that `**` asks for."""
        return (f.name for f in fields(self) if getattr(self, f.name) is not None)

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)


class Grid:
    """Latents on a grid, flattened for the doctor and put back for the decoder.

    The grid's shape (C, *) is that of the newest samples that were encoded. Before any it is taken
    for a square or a cube, as `axes` says.
    """

    def __init__(self, channels: int, axes: int = 2) -> None:
        self.channels = channels
        self.axes = axes
        self.shape: tuple[int, ...] | None = None

    def flat(self, latents: Tensor) -> Tensor:
        """(B, C, *) -> (B, K)."""
        self.shape = tuple(latents.shape[1:])
        return latents.flatten(1)

    def spread(self, z: Tensor) -> Tensor:
        """(B, K) -> (B, C, *). Raises DataError when K fits no such grid."""
        if self.shape is None:
            side = round((z.shape[1] / self.channels) ** (1 / self.axes))
            self.shape = (self.channels, *[side] * self.axes)
        try:
            return z.reshape(len(z), *self.shape)
        except RuntimeError:
            raise DataError(
                f"z has {z.shape[1]} latents and the model's lie on a grid of {self.shape}; encode "
                "samples of the size that z belongs to first"
            ) from None


def package(name: str, needed_for: str) -> Any:
    """The module `name` of another library. Raises DataError when it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError as fault:
        root = name.partition(".")[0]
        raise DataError(
            f"{needed_for} needs the package {root}, which cannot be imported "
            f"({one_line(str(fault))[:120]}); install it with `pip install {root}`"
        ) from None


def require_methods(model: Any, names: Sequence[str], what: str) -> None:
    """Raise DataError unless `model` has each of these methods."""
    lacking = [name for name in names if not callable(getattr(model, name, None))]
    if lacking:
        raise DataError(
            f"{what} with {' and '.join(names)} is needed, and {type(model).__name__} has no "
            f"{' and no '.join(lacking)}; give encode and decode to vaestro.diagnose yourself"
        )


def mean_and_log_variance(given: Any, name: str) -> tuple[Tensor, Tensor]:
    """(B, K) each, of a pair of tensors or a torch.distributions.Normal. Raises DataError else."""
    if isinstance(given, torch.distributions.Independent):
        given = given.base_dist
    if isinstance(given, torch.distributions.Normal):
        return given.loc.flatten(1), 2.0 * given.scale.log().flatten(1)
    if isinstance(given, (tuple, list)) and len(given) == 2:
        mean, log_variance = given
        both = isinstance(mean, Tensor) and isinstance(log_variance, Tensor)
        if both and mean.shape == log_variance.shape:
            return mean.flatten(1), log_variance.flatten(1)
    raise DataError(
        f"{name}.encode gives {type(given).__name__}; (mean, log_variance) of equal shapes or a "
        "torch.distributions.Normal is needed: give vaestro.diagnose an encode that returns it"
    )
