"""A LightningModule with `encode` and `decode` for the doctor. Lightning itself is not needed.

Shape letters: B batch, K latents, * the sample's axes.
"""

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor

from vaestro.foundation.errors import DataError
from vaestro.health.adapters.foreign import (
    Foreign,
    Grid,
    mean_and_log_variance,
    require_methods,
)


def from_lightning(
    module: Any,
    likelihood: Literal["gaussian", "bernoulli"] = "gaussian",
    variance: float = 1.0,
    beta: float = 1.0,
    as_batch: Callable[[Tensor], Any] | None = None,
) -> Foreign:
    """A module whose `encode(x)` gives (mean, log_variance) or a Normal, and `decode(z)` a sample.

    `likelihood`, `variance` and `beta`: what its loss means. `as_batch` makes the batch that its
    `training_step` takes of x, such as `lambda x: (x, labels)`; then its loss is examined too, and
    the optimiser that it configures. Latents on a grid are flattened. Raises DataError in one line
    when a method is missing or gives something else.
    """
    require_methods(module, ("encode", "decode"), "a LightningModule")
    grid = Grid(1, 0)

    def encode(x: Tensor) -> tuple[Tensor, Tensor]:
        given = module.encode(x)
        mean, log_variance = mean_and_log_variance(given, type(module).__name__)
        grid.shape = _latent_shape(given)
        return mean, log_variance

    def decode(z: Tensor) -> Tensor:
        made: Tensor = module.decode(z if grid.shape is None else grid.spread(z))
        return made

    def loss(x: Tensor) -> Tensor:
        assert as_batch is not None, "without it there is no loss"
        return _scalar(module.training_step(as_batch(x), 0), type(module).__name__)

    return Foreign(
        encode=encode,
        decode=decode,
        module=module,
        likelihood=likelihood,
        variance=variance,
        beta=beta,
        loss=None if as_batch is None else loss,
        optimiser=None if as_batch is None else _optimiser(module),
    )


def _latent_shape(given: Any) -> tuple[int, ...]:
    mean = given[0] if isinstance(given, (tuple, list)) else given.mean
    return tuple(mean.shape[1:])


def _scalar(given: Any, name: str) -> Tensor:
    """The loss of a training_step: a tensor, or the `loss` of a dictionary."""
    value = given.get("loss") if isinstance(given, dict) else given
    if isinstance(value, Tensor):
        return value
    raise DataError(f"{name}.training_step gives no loss but {type(value).__name__}")


def _optimiser(module: Any) -> torch.optim.Optimizer | None:
    """The one optimiser that the module configures; None where there is none, or there are more."""
    configure = getattr(module, "configure_optimizers", None)
    given = configure() if callable(configure) else None
    if isinstance(given, dict):
        given = given.get("optimizer")
    while isinstance(given, (list, tuple)) and given:
        if isinstance(given[0], torch.optim.Optimizer) and len(given) > 1:
            given = None if isinstance(given[1], torch.optim.Optimizer) else given[0]
        else:
            given = given[0]
    return given if isinstance(given, torch.optim.Optimizer) else None
