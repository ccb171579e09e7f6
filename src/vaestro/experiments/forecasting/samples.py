"""Which samples a forecast looks at, in which halves, and what the decoder is told of each.

Shape letters: N training samples, n of them looked at, E scores a sample.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from vaestro.experiments.assemble import Assembly
from vaestro.foundation.randomness import Stream, generator
from vaestro.health.forecast.rows import HalvedRows
from vaestro.health.forecast.score import has_linear_score
from vaestro.health.forecast.within import Group, groups
from vaestro.models.condition import Condition, CovariatesConfig

COVARIANCE_WIDTH = 2048
COVARIANCE_COST = 8e10
"""Up to so many scores a covariance is formed, at n E^2 products."""

MOST_NUMBERS = 6e7
LEAST_SAMPLES = 1024
"""Beyond, so many numbers are looked at, and so many samples at least."""

MOST_DIFFERENTIATED = 2e7
"""Numbers of likelihoods whose scores need automatic differentiation."""


class Halved(NamedTuple):
    """rows: model-space samples in two halves; positions: (n,) theirs in the training split."""

    rows: HalvedRows
    positions: Tensor


def halved(assembly: Assembly) -> Halved:
    """The training samples as training sees them, evenly spread where they are many, in a fixed
    random order; samples of one group are in one half."""
    samples = assembly.material.samples["train"]
    count = min(len(samples), most_samples(assembly))
    spread = torch.linspace(0, len(samples) - 1, count, dtype=torch.float64).round().long()
    positions, first = _in_halves(assembly, spread)
    views = samples.augmentation is not None or samples.store.changes
    device = samples.index.device

    def read(places: Tensor) -> Tensor:
        return samples.read(positions[places].to(device), 0 if views else None).x

    elements = assembly.material.spec.elements
    return Halved(HalvedRows(read, count, elements, first), positions)


def most_samples(assembly: Assembly) -> int:
    """How many samples are enough, and affordable: seconds on two cores."""
    likelihood = assembly.vae.likelihood
    width = assembly.material.spec.elements * likelihood.outputs_per_element
    narrow = width <= COVARIANCE_WIDTH
    most = COVARIANCE_COST / width**2 if narrow else MOST_NUMBERS / width
    if not has_linear_score(likelihood):
        most = min(most, MOST_DIFFERENTIATED / width)
    return max(LEAST_SAMPLES, int(most))


def _in_halves(assembly: Assembly, positions: Tensor) -> tuple[Tensor, int]:
    """The positions (n,) reordered, and how many of them are the first half."""
    material = assembly.material
    random = generator(0, Stream.EVALUATION)  # the same for every seed: so are the data
    known = material.data.groups
    if known is None or not material.split.train.size:
        order = torch.randperm(len(positions), generator=random)
        return positions[order], len(positions) // 2
    numbers = material.samples["train"].index.cpu()[positions]
    own = torch.from_numpy(known)[numbers]
    units, which = torch.unique(own, return_inverse=True)
    ranks = torch.randperm(len(units), generator=random)[which]
    sizes = torch.bincount(ranks, minlength=len(units)).cumsum(0)
    cut = int((sizes <= len(positions) // 2).sum())
    return positions[torch.argsort(ranks, stable=True)], int(sizes[cut - 1]) if cut else 0


def groups_of(assembly: Assembly, positions: Tensor) -> tuple[Group, ...]:
    """The values of what the decoder is told, with the places of their samples; none where it is
    told nothing."""
    condition = assembly.vae.condition
    if condition is None or condition.entering("decoder").width == 0:
        return ()
    samples = assembly.material.samples["train"]
    numbers = samples.index[positions.to(samples.index.device)]
    labels = (
        samples.labels[numbers].cpu() if condition.by_label and samples.labels is not None else None
    )
    covariates, names = None, _covariate_names(condition)
    if names and samples.covariates is not None:
        covariates = samples.covariates[numbers, : len(names)].cpu()
    return groups(labels, assembly.material.spec.label_names, covariates, names)


def _covariate_names(condition: Condition) -> tuple[str, ...]:
    config = condition.config
    return config.names if isinstance(config, CovariatesConfig) else ()
