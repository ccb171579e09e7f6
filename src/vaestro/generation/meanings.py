"""What a latent dimension does, in names: which labels, covariates and shapes go with it.

Shape letters: N held-out samples, K latents, D dimensions walked, V values each.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from vaestro.generation.geometry import Measures
from vaestro.metrics.association import eta_squared, spearman
from vaestro.metrics.live import LIVE_NATS

CLEAR = 0.3
"""A rank correlation nearer to 0, or less than a tenth (about its square) of the variance between
labels, gives a dimension no name."""


class Change(NamedTuple):
    """Of one quantity: its rank correlation with the dimension over held-out samples, and its value
    at both ends of the walk."""

    correlation: float
    first: float
    last: float


@dataclass(frozen=True)
class Meaning:
    """One dimension: its mean KL in nats (None for a point), the share of its variance that lies
    between labels (None without labels), rank correlations with covariates, changes of geometry."""

    dimension: int
    kl: float | None
    label_eta_squared: float | None
    covariates: Mapping[str, float]
    geometry: Mapping[str, Change]

    @property
    def live(self) -> bool:
        """Whether the dimension carries more than 0.01 nats; of points nobody can say."""
        return self.kl is None or self.kl > LIVE_NATS

    @property
    def names(self) -> list[str]:
        """What clearly goes with the dimension, the strongest first, each with its number; a
        covariate that is also a measure of shape is named once."""
        found = [(abs(rho), f"{name} {rho:+.2f}") for name, rho in self.covariates.items()]
        found += [
            (abs(one.correlation), f"{name} {one.correlation:+.2f}")
            for name, one in self.geometry.items()
            if name not in self.covariates
        ]
        if self.label_eta_squared is not None:
            share = self.label_eta_squared
            found.append((share**0.5, f"label {share:.2f}"))
        clear = [(size, name) for size, name in found if size >= CLEAR]
        return [name for _, name in sorted(clear, key=lambda one: -one[0])]

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "dimension": self.dimension,
            "kl": self.kl,
            "live": self.live,
            "label_eta_squared": self.label_eta_squared,
            "covariates": dict(self.covariates),
            "geometry": {name: one._asdict() for name, one in self.geometry.items()},
            "names": self.names,
        }


@dataclass(frozen=True)
class Held:
    """What is known of N held-out samples: codes (N, K), KL (K,) or None for points, labels (N,) or
    None, covariates by name (N,), and the geometry of what the codes are decoded to."""

    codes: Tensor
    kl: Tensor | None
    labels: Tensor | None
    covariates: Mapping[str, np.ndarray]
    geometry: Measures


def meanings(held: Held, dimensions: list[int], walked: Measures) -> list[Meaning]:
    """What each of `dimensions` does; `walked`: the geometry of the walk, (D, V) by name.

    Labels: eta squared; covariates and geometry: Spearman's rank correlation. Only held-out
    samples are asked, so a dimension that nothing depends on has no name.
    """
    codes = held.codes[:, dimensions]
    eta = None if held.labels is None else eta_squared(codes, held.labels)
    beside = _correlations(codes, held.covariates)
    shapes = _correlations(codes, held.geometry)
    return [
        Meaning(
            dimension,
            None if held.kl is None else float(held.kl[dimension]),
            None if eta is None else float(eta[row]),
            {name: float(rho[row]) for name, rho in beside.items()},
            {
                name: Change(
                    float(rho[row]), float(walked[name][row, 0]), float(walked[name][row, -1])
                )
                for name, rho in shapes.items()
            },
        )
        for row, dimension in enumerate(dimensions)
    ]


def _correlations(codes: Tensor, columns: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    """Of each column by name, its correlation with every dimension, (D,)."""
    if not columns:
        return {}
    stacked = torch.from_numpy(np.stack(list(columns.values()), 1).astype(np.float64))
    return dict(zip(columns, spearman(codes, stacked).T, strict=True))
