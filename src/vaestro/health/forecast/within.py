"""The values of what a decoder is told, so that M can be taken within each.

Shape letters: N samples, V covariates.
"""

from typing import NamedTuple

import torch
from torch import Tensor

LEAST_SAMPLES = 8
"""Values with fewer samples are taken together."""

MOST_BINS = 16
"""Of all covariates together: 16 quantile bins of one, 4 x 4 of two, 2 of each of four."""

OTHERS = "all other values"


class Group(NamedTuple):
    """The samples of one value of a condition: its name and their places among all, (n,)."""

    name: str
    places: Tensor


def groups(
    labels: Tensor | None,
    label_names: tuple[str, ...] | None,
    covariates: Tensor | None,
    covariate_names: tuple[str, ...],
) -> tuple[Group, ...]:
    """Every value that occurs: each label, each quantile bin of the covariates, or both together.

    labels: (N,); covariates: (N, V). A decoder that is told a number exactly knows more than its
    bin, so that the eigenvalues within bins are an upper bound. Covariates beyond the fourth are
    not divided.
    """
    keys: list[Tensor] = []
    names: list[list[str]] = []
    if labels is not None:
        keys.append(labels.long())
        names.append(_label_words(int(labels.max()) + 1, label_names))
    if covariates is not None:
        shown = min(covariates.shape[1], 4)
        bins = max(2, round(MOST_BINS ** (1 / shown)))
        for column, name in list(zip(covariates.T, covariate_names, strict=True))[:shown]:
            keys.append(quantile_bins(column, bins))
            names.append([f"{name} in part {n + 1} of {bins}" for n in range(bins)])
    return _grouped(torch.stack(keys, 1), names)


def quantile_bins(column: Tensor, bins: int) -> Tensor:
    """The bin (N,) of each number, 0 .. bins - 1, about equally many in each."""
    inner = torch.linspace(0, 1, bins + 1, dtype=torch.float64)[1:-1]
    edges = torch.quantile(column.double()[:: max(1, len(column) // 1_000_000)], inner)
    return torch.searchsorted(edges, column.double().contiguous(), right=True)


def _label_words(count: int, names: tuple[str, ...] | None) -> list[str]:
    return [f"label {names[n] if names and n < len(names) else n}" for n in range(count)]


def _grouped(keys: Tensor, names: list[list[str]]) -> tuple[Group, ...]:
    """A group for each row of keys (N, k) that occurs often enough, and one for all the others."""
    values, which = torch.unique(keys, dim=0, return_inverse=True)
    found, rest = [], []
    for number, value in enumerate(values.tolist()):
        places = (which == number).nonzero()[:, 0]
        if len(places) < LEAST_SAMPLES:
            rest.append(places)
            continue
        told = [words[part] for words, part in zip(names, value, strict=True)]
        found.append(Group(", ".join(told), places))
    if rest:
        found.append(Group(OTHERS, torch.cat(rest)))
    return tuple(found)
