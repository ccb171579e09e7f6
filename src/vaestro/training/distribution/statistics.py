"""Layers that look across a batch, made to look across all of it while its rows are spread.

Batch normalisation and the optimal spread take means over the batch and go on computing with them;
inside `across` these are means over the rows of every process. Outside it the layers are as they
were: who looks at a model between two steps needs no other process.

Shape letters: B rows of this process, C channels, R processes, * spatial axes.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from vaestro.probability.likelihoods.spread_parts import OptimalSpread
from vaestro.training.distribution.reductions import shared


class Spread(NamedTuple):
    """How a batch is spread: `shares` of its rows, process by process, of which this is number
    `rank`."""

    rank: int
    shares: tuple[float, ...]

    @property
    def own(self) -> float:
        """The share of this process."""
        return self.shares[self.rank]


class Looking(NamedTuple):
    """A layer that looks across the batch, the method it does it by, and what stands in for it."""

    layer: nn.Module
    method: str
    instead: Callable[..., Tensor]


def looks_across(layer: nn.Module) -> bool:
    """Whether `layer` computes with means over a batch."""
    return isinstance(layer, _BatchNorm | OptimalSpread)


def looking(module: nn.Module, spread: Spread) -> list[Looking]:
    """Every layer of `module` that looks across a batch."""
    return [_looking(layer, spread) for layer in module.modules() if looks_across(layer)]


def _looking(layer: nn.Module, spread: Spread) -> Looking:
    if isinstance(layer, OptimalSpread):
        return Looking(layer, "log_quantity", partial(log_optimal, layer, spread))
    return Looking(layer, "forward", partial(normalised, cast(_BatchNorm, layer), spread))


@contextmanager
def across(layers: Sequence[Looking]) -> Iterator[None]:
    """The layers see the rows of all processes, each of which must pass through them."""
    for layer, method, instead in layers:
        vars(layer)[method] = instead  # an instance's own attribute stands before its class's
    try:
        yield
    finally:
        for layer, method, _ in layers:
            del vars(layer)[method]


def log_optimal(
    layer: OptimalSpread, spread: Spread, raw: Tensor | None, best: Tensor | None = None
) -> Tensor:
    """The optimal spread's log_quantity, `best` of the rows of all processes."""
    if best is not None and layer.training:
        best = shared(spread.own * best)
    return OptimalSpread.log_quantity(layer, raw, best)


def normalised(layer: _BatchNorm, spread: Spread, x: Tensor) -> Tensor:
    """Batch normalisation of x: (B, C, *) by the statistics of the rows of all processes.

    mean = sum_r w_r m_r and var = sum_r w_r (v_r + (m_r - mean)^2), w_r the share of process r
    (Chan, Golub and LeVeque 1979): as exact as one pass over all rows, in one exchange.
    """
    if not layer.training and layer.running_mean is not None:
        return type(layer).forward(layer, x)
    wide = x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
    mean, variance = _moments(wide, spread)
    if layer.training and layer.track_running_stats:
        _remember(
            layer, mean.detach(), variance.detach(), round(len(x) / spread.own) * x[0, 0].numel()
        )
    scale = torch.rsqrt(variance + layer.eps)
    if layer.weight is not None:
        scale = scale * layer.weight
    result = (wide - _beside(mean, x)) * _beside(scale, x)
    if layer.bias is not None:
        result = result + _beside(layer.bias, x)
    return result.to(x.dtype)


def _moments(x: Tensor, spread: Spread) -> tuple[Tensor, Tensor]:
    """Mean and variance (C,) of the channels of x: (B, C, *) over the rows of all processes."""
    own = torch.stack(torch.var_mean(x, [0, *range(2, x.dim())], correction=0))
    place = torch.arange(len(spread.shares), device=x.device) == spread.rank
    every = shared(own * place[:, None, None].to(x.dtype))  # (R, 2, C)
    weights = torch.tensor(spread.shares, device=x.device, dtype=x.dtype)[:, None]
    variances, means = every.unbind(1)
    mean = (weights * means).sum(0)
    return mean, (weights * (variances + (means - mean).square())).sum(0)


@torch.no_grad()
def _remember(layer: _BatchNorm, mean: Tensor, variance: Tensor, count: int) -> None:
    """Take statistics (C,) of `count` numbers a channel into the layer's running ones."""
    assert layer.running_mean is not None and layer.running_var is not None
    assert layer.num_batches_tracked is not None
    layer.num_batches_tracked.add_(1)
    momentum = layer.momentum
    weight = 1.0 / float(layer.num_batches_tracked) if momentum is None else momentum
    unbiased = variance * (count / max(count - 1, 1))
    layer.running_mean.lerp_(mean.to(layer.running_mean.dtype), weight)
    layer.running_var.lerp_(unbiased.to(layer.running_var.dtype), weight)


def _beside(values: Tensor, x: Tensor) -> Tensor:
    """values (C,) in a shape that goes with x: (B, C, *)."""
    return values.reshape(-1, *(1,) * (x.dim() - 2))
