"""How many latent dimensions will live, and how sure that is.

The count of eigenvalues above the effective beta is the number of unstable directions. A run has
more live dimensions while it is young, and more for good where its variance is learned: so the
training of the linear model is followed (`linear_run.py`) for the time that the run is worth,

    T = PACE sum over the steps of sqrt(learning rate / 1e-3) / 1000 / sqrt(n)

with n the directions that live at the linear optimum.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from vaestro.health.forecast.calibration import (
    LONGEST_TIME,
    MEASURED_UP_TO,
    PACE,
    PACE_AFTER_PROBE,
    PACE_SPREAD,
)
from vaestro.health.forecast.linear_run import LinearRun, Start, nats_at_end
from vaestro.metrics.live import LIVE_NATS

MOST_LATENTS = 48
"""Of more dimensions so many are followed, with every so-manieth direction."""

DIRECTIONS = 20
"""So many directions are followed at least, and four more than dimensions."""

MOMENTS = 200
"""So many moments of the flow have a pressure of their own."""


class Live(NamedTuple):
    """The expected number of live dimensions, and the ends of its 80 % interval."""

    expected: int
    low: int
    high: int


@torch.no_grad()
def live_interval(
    relative: Sequence[float],
    latent: int,
    path: Sequence[tuple[float, float]],
    steps: int,
    total: float | None = None,
    start: Start | None = None,
) -> Live:
    """What a run that escapes will have at its end; never below one, never above `latent`.

    relative: eigenvalues of M over the effective beta at the end, largest first; latent: K; path:
    (beta over its final value, learning rate) at evenly spread steps; steps: of the whole run;
    total: the sum of all eigenvalues, relative too, where the variance is learned with the model;
    start: where a probe of the run saw its code, after `start.share` of the steps.
    The interval is what a flow PACE_SPREAD times longer and shorter leaves, one dimension wider
    than that where both agree.
    """
    thinned, kept, share = _thinned(torch.as_tensor(relative, dtype=torch.float64), latent)
    moments, distance = _flow(path, steps)
    run = LinearRun(thinned, kept, moments, None if total is None else total * share)
    alive = max(1.0, min(latent, float((run.settled() > 1).sum()) / share))
    start = _followed(start, thinned, kept, share, path)
    time = (PACE if start is None else PACE_AFTER_PROBE) * distance / math.sqrt(alive)
    times = [min(time * pace, LONGEST_TIME) for pace in (1.0, PACE_SPREAD, 1 / PACE_SPREAD)]
    counts = (nats_at_end(run, times, start) > LIVE_NATS).double().sum(2).mean(1) / share
    expected, late, early = (_bounded(value, latent) for value in counts.tolist())
    low = math.floor(min(late, expected - 1))
    return Live(round(expected), max(1, low), min(latent, math.ceil(max(early, expected + 1))))


def as_held_out(values: Tensor, largest: float) -> Tensor:
    """Eigenvalues of a sample (k,), all shrunk as much as the leading one is on held-out samples,
    where it is `largest`: what lives is counted there."""
    return values * min(1.0, largest / max(float(values[0]), 1e-300))


def _bounded(count: float, latent: int) -> float:
    return min(max(count, 1.0), float(latent))


def _followed(
    start: Start | None,
    relative: Tensor,
    kept: int,
    share: float,
    path: Sequence[tuple[float, float]],
) -> Start | None:
    """The measured start, its share of the steps made one of the flow; None where not every
    dimension is followed, where other directions were measured, or far above the threshold."""
    if start is None or share < 1 or start.encoder.shape != (kept, len(relative)):
        return None
    if float(relative[0]) > MEASURED_UP_TO:
        return None
    paces = [math.sqrt(max(rate, 0.0)) for _, rate in path]
    done = sum(paces[: round(start.share * len(paces))])
    return start._replace(share=min(done / max(sum(paces), 1e-300), 0.99))


def wanted_directions(latent: int) -> int:
    """How many directions are followed of a model with so many latents."""
    return max(DIRECTIONS, min(latent, MOST_LATENTS) + 4)


def _thinned(relative: Tensor, latent: int) -> tuple[Tensor, int, float]:
    """The directions that are followed, the number of dimensions, and the share that they are."""
    kept = min(latent, MOST_LATENTS)
    share = kept / latent
    places = ((torch.arange(wanted_directions(latent)) + 0.5) / share - 0.5).round().long()
    return relative[places[places < len(relative)]], kept, share


def _flow(path: Sequence[tuple[float, float]], steps: int) -> tuple[list[float], float]:
    """The pressure at MOMENTS evenly spread moments of the flow, and its length before PACE."""
    pressures, rates = torch.tensor(path, dtype=torch.float64).T
    pace = (rates.clamp(min=0) / 1e-3).sqrt()
    done = pace.cumsum(0)
    moments = torch.linspace(0, float(done[-1]), MOMENTS, dtype=torch.float64)
    places = torch.searchsorted(done, moments).clamp(max=len(done) - 1)
    return pressures[places].tolist(), steps / 1000 * float(pace.mean())
