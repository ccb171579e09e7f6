"""How far the collapsed state may have a living rival: the sub-Gaussian variance proxy.

Letters: N samples, y coordinates along one direction, s a slope, t the proxy.
"""

import math

import torch
from torch import Tensor

SLOPES = 121
"""Slopes of each sign that are tried at once."""

ROUNDS = 4
"""Each round looks between the neighbours of the last one's best, 60 times closer."""

MOST_SAMPLES = 20_000


def sub_gaussian_proxy(y: Tensor) -> float:
    """The smallest t with E exp(s y) <= exp(t s^2 / 2) for every s, y: (N,) less its mean.

    t = max over s of 2 log E exp(s y) / s^2; at s = 0 that is the variance. Collapse is the global
    optimum of all VAEs iff the proxy, along every direction, is at most the effective beta (the
    rate-distortion optimum at the constant code, Shannon 1959); between the largest eigenvalue and
    the proxy both states may be minima, and the start decides. Exact for the sample: for x in
    {0, 1} of P(1) = p it is (1 - 2p) / (2 log((1 - p) / p)).
    """
    y = _thinned(y.double() - y.double().mean())
    variance = float(y.square().mean())
    if variance <= 0:
        return 0.0
    scale = variance**0.5
    best = variance
    for sign in (1.0, -1.0):
        low, high = math.log(1e-3), math.log(1e3)
        for _ in range(ROUNDS):
            exponents = torch.linspace(low, high, SLOPES, dtype=torch.float64)
            found = _ratio(y, sign * torch.exp(exponents) / scale)
            place = int(found.argmax())
            best = max(best, float(found[place]))
            low = float(exponents[max(place - 1, 0)])
            high = float(exponents[min(place + 1, SLOPES - 1)])
    return best


def _ratio(y: Tensor, slopes: Tensor) -> Tensor:
    """2 log mean exp(s y) / s^2 for each of the slopes."""
    log_mean = torch.stack([torch.logsumexp(s * y, 0) for s in slopes]) - math.log(len(y))
    return 2 * log_mean / slopes.square()


def _thinned(y: Tensor) -> Tensor:
    """At most MOST_SAMPLES of them, the extremes included, evenly spread in rank."""
    if len(y) <= MOST_SAMPLES:
        return y
    places = torch.linspace(0, len(y) - 1, MOST_SAMPLES, dtype=torch.float64).round().long()
    kept = torch.sort(y).values[places]
    return kept - kept.mean()
