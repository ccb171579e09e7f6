"""How well codes are told from draws of the prior, and log q(z)/p(z), from samples of both.

Two judges, since each is blind to something: a logistic regression on squares sees a shift, a scale
or a far tail in many dimensions, and nearest neighbours see islands that have the prior's mean and
variance.

Shape letters: N codes, M draws, K latents, F features of a code.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

VOTES = 15
"""Neighbours that vote on a row."""
NEAR = 5
"""The neighbour whose distance measures a density."""
PENALTY, NEWTON_STEPS = 1.0, 12
"""Of the logistic regression."""


class Told(NamedTuple):
    """`accuracy`: the share of rows that are told right (0.5: equal distributions).
    `density_ratio`: an estimate of KL(q(z) || p(z)) = E_q log q(z)/p(z) in nats, short of the truth
    where the two lie far apart."""

    accuracy: float
    density_ratio: float


def by_neighbours(z: Tensor, prior: Tensor) -> Told:
    """A vote of each row's 15 nearest others, for z: (N, K) and prior: (M, K).

    The density ratio is K mean log(nu / rho) + log(M / (N - 1)), rho and nu the distances of a code
    to its fifth neighbour among codes and among draws (Wang, Kulkarni and Verdu 2009).
    """
    rows = torch.cat([z, prior]).double()
    code = torch.arange(len(rows), device=rows.device) < len(z)
    distances = torch.cdist(rows, rows).fill_diagonal_(math.inf)
    near = distances.topk(min(VOTES, len(rows) - 1), largest=False).indices
    voted = code[near].double().mean(1) > 0.5
    place = min(NEAR, len(z) - 1, len(prior))
    own = distances[code][:, code].kthvalue(place).values
    other = distances[code][:, ~code].kthvalue(place).values
    least = 1e-9 * float(other.mean())
    ratio = z.shape[1] * (other.clamp(min=least) / own.clamp(min=least)).log().mean()
    accuracy = float((voted == code).double().mean())
    return Told(accuracy, float(ratio) + math.log(len(prior) / (len(z) - 1)))


def by_logistic(z: Tensor, prior: Tensor) -> Told:
    """Logistic regression on z and z^2 and products, ridge-penalised; halves cross-fitted.

    Accuracy and mean log-odds on codes are those of the half not learned from: with equally many of
    each the log-odds are log q(z)/p(z) (Sugiyama et al. 2012).
    """
    features = _features(torch.cat([z, prior]))
    target = torch.cat([torch.ones(len(z)), torch.zeros(len(prior))]).to(features)
    even = torch.arange(len(features)) % 2 == 0
    right, odds = [], []
    for learn, judge in ((even, ~even), (~even, even)):
        weights = _logistic(features[learn], target[learn])
        said = features[judge] @ weights
        right.append(((said > 0) == (target[judge] > 0.5)).double())
        odds.append(said[target[judge] > 0.5])
    return Told(float(torch.cat(right).mean()), float(torch.cat(odds).mean()))


def _features(rows: Tensor) -> Tensor:
    """1, z, z^2, |z|^2 and, up to 16 latents, products, each clipped at 6 deviations: (., F)."""
    scale = rows.std(0).clamp(min=1e-9)
    unit = (rows / scale).clamp(-6, 6)
    columns = [torch.ones_like(unit[:, :1]), unit, unit.square()]
    columns.append(rows.square().sum(1, keepdim=True).sqrt() / rows.square().sum(1).mean().sqrt())
    if rows.shape[1] <= 16:
        pairs = torch.combinations(torch.arange(rows.shape[1]), 2)
        columns.append(unit[:, pairs[:, 0]] * unit[:, pairs[:, 1]])
    return torch.cat(columns, 1)


def _logistic(features: Tensor, target: Tensor) -> Tensor:
    """Newton's method on the likelihood, penalised by half of PENALTY times the squared weights."""
    weights = features.new_zeros(features.shape[1])
    eye = PENALTY * torch.eye(features.shape[1], dtype=features.dtype)
    for _ in range(NEWTON_STEPS):
        p = torch.sigmoid(features @ weights)
        gradient = features.T @ (p - target) + PENALTY * weights
        curvature = (features * (p * (1 - p) + 1e-6)[:, None]).T @ features + eye
        weights = weights - torch.linalg.solve(curvature, gradient)
    return weights
