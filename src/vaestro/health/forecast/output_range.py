"""Can the decoder reach the data, and can its output die?

Found by experiment, so that it holds for anyone's decoder: on a copy, the last layer's weights are
set to 0 and its bias to a number, so that what follows the layer is seen alone.
Shape letters: B batch, P outputs per element, M samples, * the sample's axes.
"""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vaestro.foundation.samples import Batch, Given
from vaestro.health.finding import Finding
from vaestro.health.remedies.cures import linear_output
from vaestro.health.remedies.edits import Edits
from vaestro.health.remedies.smaller_numbers import network_of_ours
from vaestro.models.config import ModelConfig
from vaestro.models.vae import VAE

PUSH = 1e4
"""How far the last bias is pushed, in units of the data's largest absolute value (at least 1)."""

BELOW = (-0.5, -2.0)
"""Where a smooth bound (sigmoid, tanh, softplus) still has a gradient, and a ReLU has none."""

TOLERANCE = 0.01
"""Data this far outside the output's range, relative to their own range, count as reached."""


@dataclass(frozen=True)
class OutputRange:
    """The means that a decoder can give: from `low` to `high` in model space. `hard`: the gradient
    is exactly 0 where the last layer's output is negative; `raw`: the range of its own output."""

    low: float
    high: float
    raw_low: float
    raw_high: float
    hard: bool


def output_findings(vae: VAE, batch: Batch, model: ModelConfig, x: Tensor) -> tuple[Finding, ...]:
    """Whether the decoder's output can die, or cannot reach the samples x: (M, *)."""
    reach = output_range(vae, batch)
    if reach is None:
        return ()
    smallest, largest = float(x.min()), float(x.max())
    margin = TOLERANCE * max(largest - smallest, 1e-12)
    outside = (x < reach.low - margin) | (x > reach.high + margin)
    share = float(outside.double().mean())
    if share == 0 and not reach.hard:
        return ()
    evidence = {
        "output_low": reach.low,
        "output_high": reach.high,
        "data_low": smallest,
        "data_high": largest,
        "values_out_of_reach": share,
        "dead_at_start": dead_share(vae, batch),
    }
    said = [_die(evidence["dead_at_start"])] if reach.hard else []
    said += [_unreached(reach, smallest, largest, share)] if share else []
    remedies = _remedies(model, reach, smallest, largest)
    return (Finding("dead_output", "; ".join(said), evidence, remedies),)


def output_range(vae: VAE, batch: Batch) -> OutputRange | None:
    """The decoder's range, or None where its last layer has no bias to push."""
    copied = copy.deepcopy(vae).eval()
    head = copied.decoder.head
    weight, bias = getattr(head, "weight", None), getattr(head, "bias", None)
    if not isinstance(weight, Tensor) or not isinstance(bias, Tensor):
        return None
    given = batch.given.part(slice(0, 1))
    with torch.no_grad():
        weight.zero_()
    amount = PUSH * max(1.0, float(batch.x.abs().max()))
    ends = [_pushed(copied, bias, to, given) for to in (-amount, amount)]
    with torch.no_grad():
        means = [copied.likelihood.mean(end)[torch.isfinite(end[:, 0])] for end in ends]
    if any(torch.isnan(mean).any() or mean.numel() == 0 for mean in means):
        return None
    hard = all(_gradient_is_zero(copied, bias, to, given) for to in BELOW)
    return OutputRange(
        min(float(mean.min()) for mean in means),
        max(float(mean.max()) for mean in means),
        min(float(end[:, 0].min()) for end in ends),
        max(float(end[:, 0].max()) for end in ends),
        hard,
    )


@torch.no_grad()
def _pushed(vae: VAE, bias: Tensor, to: float, given: Given) -> Tensor:
    """The outputs (1, P, *) with the last layer's output held at `to`."""
    bias.fill_(to)
    return vae.decode(_prior_mean(vae, bias), given)


def _prior_mean(vae: VAE, like: Tensor) -> Tensor:
    return torch.zeros(1, vae.latent, device=like.device, dtype=like.dtype)


def _gradient_is_zero(vae: VAE, bias: Tensor, to: float, given: Given) -> bool:
    with torch.no_grad():
        bias.fill_(to)
    with torch.enable_grad():
        outputs = vae.decode(_prior_mean(vae, bias), given)
        if not bias.requires_grad:
            return False
        (gradient,) = torch.autograd.grad(outputs[:, 0].sum(), bias)
    # the bias also holds the raw spread of a fitted variance, which outputs[:, 0] never reads
    location = gradient[: len(bias) // outputs.shape[1]]
    return bool((location == 0).all())


def dead_share(vae: VAE, batch: Batch) -> float:
    """The share of the output's elements that no sample of the batch can move, at the start: their
    mean has a gradient of exactly 0 by the last layer's output."""
    copied = copy.deepcopy(vae).eval()
    head = copied.decoder.head
    assert isinstance(head, nn.Module), "a decoder's head is its last layer"
    made: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: object, output: Tensor) -> None:
        output.retain_grad()
        made.append(output)

    handle = head.register_forward_hook(keep)
    with torch.enable_grad():
        z = copied.encode(batch.x, batch.given).mean
        copied.decode(z, batch.given)[:, 0].sum().backward()
    handle.remove()
    if not made or made[0].grad is None:
        return 0.0
    gradient = made[0].grad.flatten(1)
    location = gradient[:, : gradient.shape[1] // copied.likelihood.outputs_per_element]
    return float((location == 0).all(0).double().mean())


def _die(dead: float) -> str:
    return (
        "the decoder's output passes a ReLU: an element that is negative for every sample has no "
        f"gradient and stays zero for ever ({dead:.0%} of the elements start so)"
    )


def _unreached(reach: OutputRange, smallest: float, largest: float, share: float) -> str:
    return (
        f"the decoder's means lie between {reach.low:.3g} and {reach.high:.3g} and the data "
        f"between {smallest:.3g} and {largest:.3g}: {share:.1%} of the values are out of reach"
    )


def _remedies(model: ModelConfig, reach: OutputRange, smallest: float, largest: float) -> Edits:
    """Edits after which the output is free: no activation behind the last layer, a likelihood that
    does not squash a second time, or a decoder of ours."""
    linear = linear_output(model)
    if linear:
        return linear
    margin = TOLERANCE * max(largest - smallest, 1e-12)
    twice = reach.raw_low <= smallest + margin and largest - margin <= reach.raw_high
    ours = network_of_ours(model, "decoder")
    if twice and not reach.hard and model.likelihood.kind != "gaussian":
        return ("model.likelihood.kind=gaussian", ours)
    return (ours,)
