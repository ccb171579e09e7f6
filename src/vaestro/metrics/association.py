"""How much a number tells of a label or of another number.

Shape letters: N samples, K and M columns.
"""

import torch
from torch import Tensor


def eta_squared(values: Tensor, labels: Tensor) -> Tensor:
    """The share of the variance of each column (N, K) that lies between the labels (N,), (K,).

    sum_l n_l (m_l - m)^2 / sum (x - m)^2, in [0, 1] (Fisher's correlation ratio); 0 for a column
    without spread. Columns that know nothing of L labels have (L - 1) / (N - 1) on average.
    """
    values = values.double()
    centred = values - values.mean(0)
    total = centred.square().sum(0)
    between = torch.zeros_like(total)
    for label in labels.unique():
        own = centred[labels == label]
        between += len(own) * own.mean(0).square()
    return torch.where(total > 0, between / total.clamp(min=1e-300), 0.0)


def spearman(one: Tensor, other: Tensor) -> Tensor:
    """Spearman's rank correlation of every column (N, K) with every column (N, M), (K, M).

    Ties share their mean rank; 0 where a column does not vary.
    """
    left, right = (_standard_ranks(columns) for columns in (one, other))
    return left.T @ right / len(one)


def _standard_ranks(columns: Tensor) -> Tensor:
    """Ranks (N, K) with mean 0 and variance 1; 0 for a column without spread."""
    ranks = torch.stack([_ranks(column) for column in columns.double().T], 1)
    centred = ranks - ranks.mean(0)
    std = centred.square().mean(0).sqrt()
    return torch.where(std > 0, centred / std.clamp(min=1e-300), 0.0)


def _ranks(column: Tensor) -> Tensor:
    """Ranks from 0, (N,); equal numbers share the mean of theirs."""
    _, place, count = column.unique(return_inverse=True, return_counts=True)
    first = torch.cumsum(count, 0) - count
    middle: Tensor = (first + (count - 1) / 2.0).double()
    return middle[place]
