"""The training of a linear VAE, followed from its start: how many dimensions its code spreads over.

The code y -> A y of whitened data y, read by x = D z, in units in which beta s^2 is 1. With
L = diag(lambda_i / beta), v_j = b / (b + |D_j|^2) the best posterior variance and b beta over its
final value, the loss falls along

    dA/dt = D' (L^1/2 - D A) - b A        dD/dt = (L^1/2 - D A) A' - D diag(v)

From a random start the code of one direction is first shared by all K dimensions. What a diagonal
posterior loses by that turns it into single dimensions, slowly (Lucas et al. 2019; Bao et al.
2020), and directions a little below the threshold die slowly too: a young run has more live
dimensions than directions pay for themselves. A variance that is learned falls to what is left,
s^2 = (sum of the others + |L^1/2 - D A|^2 + sum_j v_j |D_j|^2) / sum of all, and beta s^2 with it.

Shape letters: S starts, K latents, r directions.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

ENCODER, DECODER = 0.15, 0.05
"""The standard deviations of the entries of A and D in an untrained network."""

LONGEST_STEP = 0.2
STABLE = 1.5
"""A step of the flow is at most this long, and at most STABLE / lambda_1."""

STRONGEST = 8.0
"""A direction so far above the threshold lives at once: nothing depends on how far."""

LEAST_PRESSURE, MOST_PRESSURE = 1e-3, 4.0
"""Pressures are followed between these."""

FIXED_POINT = 200
"""So many rounds find the variance of the linear optimum."""


class LinearRun(NamedTuple):
    """relative: (r,) eigenvalues of M over the effective beta at the end, falling; latent: K;
    pressures: beta over its final value at evenly spread moments; total: the sum of all
    eigenvalues, relative as they are, where the variance is learned, else None."""

    relative: Tensor
    latent: int
    pressures: Sequence[float]
    total: float | None = None

    def settled(self) -> Tensor:
        """`relative` over the variance (of its first value) that the linear optimum ends with, the
        fixed point of s^2 = (sum of the dead + sum of min(lambda_i, beta s^2)) / sum of all."""
        if self.total is None:
            return self.relative
        kept, others = self.relative[: self.latent], self.relative[self.latent :]
        rest = max(0.0, self.total - float(self.relative.sum())) + float(others.sum())
        left = 1.0
        for _ in range(FIXED_POINT):
            left = (rest + float(kept.clamp(max=left).sum())) / self.total
        return self.relative / max(left, 1e-6)


class Start(NamedTuple):
    """A state of the code: encoder A (K, r), decoder D (r, K), after `share` of the time."""

    encoder: Tensor
    decoder: Tensor
    share: float


def nats_at_end(
    run: LinearRun, times: Sequence[float], start: Start | None = None, starts: int = 6
) -> Tensor:
    """The KL (T, S, K) of each dimension after flows of each of `times`, from `start` (S is 1) or
    from `starts` random ones."""
    root = run.relative.float().clamp(min=0, max=STRONGEST).sqrt()
    encoder, decoder = _random(run, len(root), starts) if start is None else _given(start)
    share, count = (0.0 if start is None else start.share), len(encoder)
    encoder, decoder = (tensor.repeat(len(times), 1, 1) for tensor in (encoder, decoder))
    flows = (1 - share) * torch.tensor(times).repeat_interleave(count)[:, None, None]
    step = min(LONGEST_STEP, STABLE / max(float(root[0]) ** 2, 1e-9))
    steps = max(1, math.ceil(float(flows.max()) / step))
    roots, variances = torch.diag(root), torch.ones(len(encoder), run.latent)
    for i in range(steps + 1):
        pressure = _pressure(run, share + (1 - share) * i / steps)
        missing, strength = roots - decoder @ encoder, decoder.square().sum(1)
        weight = _weight(run, pressure, missing, strength)
        variances = weight / (weight + strength)
        if i == steps:
            break
        up = decoder.mT @ missing - weight[:, :, None] * encoder
        down = missing @ encoder.mT - decoder * variances[:, None, :]
        encoder, decoder = encoder + flows / steps * up, decoder + flows / steps * down
    nats = 0.5 * (encoder.square().sum(2) + variances - 1 - variances.log())
    return nats.reshape(len(times), count, run.latent)


def _random(run: LinearRun, directions: int, starts: int) -> tuple[Tensor, Tensor]:
    drawn = torch.Generator().manual_seed(0)
    encoder = torch.randn(starts, run.latent, directions, generator=drawn)
    return ENCODER * encoder, DECODER * torch.randn(encoder.mT.shape, generator=drawn)


def _given(start: Start) -> tuple[Tensor, Tensor]:
    return start.encoder[None].float(), start.decoder[None].float()


def _pressure(run: LinearRun, share: float) -> float:
    """beta over its final value after `share` of the time, between the moments that are known."""
    place = min(share, 1.0) * (len(run.pressures) - 1)
    low = min(int(place), len(run.pressures) - 1)
    high = min(low + 1, len(run.pressures) - 1)
    part = place - low
    pressure = (1 - part) * run.pressures[low] + part * run.pressures[high]
    return min(max(pressure, LEAST_PRESSURE), MOST_PRESSURE)


def _weight(run: LinearRun, pressure: float, missing: Tensor, strength: Tensor) -> Tensor:
    """b (S, 1): the pressure, times the learned variance over its first value."""
    weight = torch.full((len(missing), 1), pressure)
    if run.total is None:
        return weight
    others = max(0.0, run.total - float(run.relative.sum()))
    for _ in range(2):  # the variance and what it leaves depend on each other
        noise = (weight / (weight + strength) * strength).sum(1, keepdim=True)
        left = (others + missing.square().sum((1, 2))[:, None] + noise) / run.total
        weight = pressure * left
    return weight
