"""Linear probes: what can be read from z by a straight line.

Shape letters: N rows to learn from, M others, K latents.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

PENALTIES = tuple(10.0**power for power in range(-4, 5))
ITERATIONS = 2000


class Probe(NamedTuple):
    """A score on rows that were not learned from, its standard error, and what knowing nothing
    reaches: the commonest label's share, or 0 for R^2."""

    score: float
    standard_error: float | None
    chance: float


def label_probe(z: Tensor, labels: Tensor, held: Tensor, truth: Tensor) -> Probe | None:
    """The accuracy of multinomial logistic regression on z (N, K) and labels (N,), tried on `held`
    (M, K) and `truth` (M,). Columns are standardised; the L2 penalty is 1 over all rows (scikit-
    learn's C = 1). None where all labels to learn from are equal.
    """
    from sklearn.linear_model import LogisticRegression

    if len(labels.unique()) < 2:
        return None
    learn, tried = _standardised(z, held)
    model = LogisticRegression(max_iter=ITERATIONS).fit(learn.numpy(), labels.numpy())
    right = (torch.from_numpy(model.predict(tried.numpy())) == truth).double()
    share = float(right.mean())
    common = float(torch.bincount(truth).max()) / len(truth)
    return Probe(share, math.sqrt(share * (1 - share) / len(right)), common)


def value_probe(z: Tensor, values: Tensor, held: Tensor, truth: Tensor) -> Probe | None:
    """R^2 = 1 - mean (v - said)^2 / mean (v - mean v)^2 of ridge regression on z, at most 1.

    Its penalty is the best of nine by rows left out one at a time. The standard error is the delta
    method's of a quotient of means. None where the values do not vary.
    """
    from sklearn.linear_model import RidgeCV

    if not float(truth.double().var(correction=0)) > 0 or not float(values.double().var()) > 0:
        return None
    learn, tried = _standardised(z, held)
    model = RidgeCV(alphas=PENALTIES).fit(learn.numpy(), values.double().numpy())
    missed = (truth.double() - torch.from_numpy(model.predict(tried.numpy()))).square()
    whole = (truth.double() - truth.double().mean()).square()
    score = 1 - float(missed.mean() / whole.mean())
    spread = float((missed - (1 - score) * whole).std(correction=0) / whole.mean())
    return Probe(score, spread / math.sqrt(len(truth)), 0.0)


def _standardised(learn: Tensor, held: Tensor) -> tuple[Tensor, Tensor]:
    """Both by the mean and standard deviation of the rows to learn from."""
    mean, std = learn.double().mean(0), learn.double().std(0, correction=0)
    scale = torch.where(std > 0, std, 1.0)
    return (learn.double() - mean) / scale, (held.double() - mean) / scale
