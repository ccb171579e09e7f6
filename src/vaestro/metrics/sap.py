"""Separated attribute predictability (Kumar, Sattigeri and Balakrishnan 2018).

Shape letters: N samples, K latents, F factors, V values of a label.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from vaestro.metrics.factors import Factor


def separated_predictability(z: Tensor, factors: Sequence[Factor]) -> float | None:
    """The mean over factors of how much better the best dimension of z alone predicts a factor than
    the second best: 1 for a perfect code, about 0 for noise.

    A quantity is predicted by a line: its score is the squared correlation. A label is predicted by
    at most V intervals of one dimension: its score is the balanced accuracy, here rescaled from
    chance = 0 to all right = 1. z: (N, K) posterior means. None without a factor that varies.
    """
    gaps = []
    for factor in (factor for factor in factors if factor.varies):
        known = [_score(column, factor) for column in z.double().T]
        first, second = (*sorted(known, reverse=True), 0.0)[:2]
        gaps.append(first - second)
    return sum(gaps) / len(gaps) if gaps else None


def _score(code: Tensor, factor: Factor) -> float:
    if factor.ordered:
        return _squared_correlation(code, factor.values.double())
    return _by_intervals(code, factor.levels)


def _squared_correlation(one: Tensor, other: Tensor) -> float:
    a, b = one - one.mean(), other - other.mean()
    size = float(a.square().sum() * b.square().sum())
    return float(a @ b) ** 2 / size if size > 0 else 0.0


def _by_intervals(code: Tensor, levels: Tensor) -> float:
    """Balanced accuracy of V intervals, from chance at 0."""
    # scikit-learn takes a second to import
    from sklearn.tree import DecisionTreeClassifier

    count = int(levels.max()) + 1
    tree = DecisionTreeClassifier(max_leaf_nodes=count, class_weight="balanced", random_state=0)
    said = torch.from_numpy(tree.fit(code[:, None].numpy(), levels.numpy()).predict(code[:, None]))
    recall = torch.stack(
        [(said[levels == level] == level).double().mean() for level in range(count)]
    )
    return (float(recall.mean()) - 1 / count) / (1 - 1 / count)
