"""Disentanglement, completeness and informativeness (Eastwood and Williams 2018).

Shape letters: N samples, K latents, F factors.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vaestro.metrics.factors import Factor, concentration

TREES = 20
LEAST_LEAF = 5
HELD = 4
"""Every fourth sample is kept from the forests, to try them on."""


class Importance(NamedTuple):
    """disentanglement: does a dimension serve one factor? completeness: does one dimension serve a
    factor? informativeness: mean accuracy or R^2 on samples left out, at least 0. All are 1 for a
    perfect code; the first two are 0 where every dimension matters equally for every factor."""

    disentanglement: float
    completeness: float
    informativeness: float


def importance(z: Tensor, factors: Sequence[Factor]) -> Importance | None:
    """All three of posterior means z: (N, K), by random forests, one for each factor.

    R_kf, how important dimension k is for factor f, is the forest's mean decrease of impurity.
    Disentanglement is 1 - H(R_k. / sum) / ln F, weighed by each dimension's share of all
    importance; completeness 1 - H(R_.f / sum) / ln K, averaged over factors. The forests have 20
    trees on three quarters of the samples and a fixed seed. None below two factors that vary.
    """
    varying = [factor for factor in factors if factor.varies]
    if len(varying) < 2 or z.shape[1] < 2:
        return None
    columns, scores = zip(*(_forest(z, factor) for factor in varying), strict=True)
    found = torch.stack(columns, 1)
    weights = found.sum(1) / found.sum()
    rows = [concentration(row / row.sum()) if float(row.sum()) > 0 else 0.0 for row in found]
    return Importance(
        sum(float(w) * row for w, row in zip(weights, rows, strict=True)),
        sum(concentration(c) for c in found.T) / len(varying),
        sum(max(0.0, score) for score in scores) / len(scores),
    )


def _forest(z: Tensor, factor: Factor) -> tuple[Tensor, float]:
    """The importance of each dimension (K,), with sum 1, and the score on samples left out."""
    rows = torch.arange(len(z))
    learn, held = rows % HELD > 0, rows % HELD == 0
    target = factor.values.double() if factor.ordered else factor.levels
    forest = _untrained(factor.ordered).fit(z[learn].numpy(), target[learn].numpy())
    weights = torch.from_numpy(forest.feature_importances_)
    total = float(weights.sum())
    even = torch.full_like(weights, 1 / len(weights))
    score = float(forest.score(z[held].numpy(), target[held].numpy()))
    return weights / total if total > 0 else even, score


def _untrained(ordered: bool) -> Any:
    # scikit-learn takes a second to import
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    kind = RandomForestRegressor if ordered else RandomForestClassifier
    return kind(TREES, min_samples_leaf=LEAST_LEAF, max_features=None, random_state=0)
