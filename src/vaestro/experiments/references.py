"""What a split of a run, or samples that are not its own, are evaluated against."""

from collections.abc import Callable, Iterable

import torch

from vaestro.data.samples import Samples
from vaestro.evaluation.references import References
from vaestro.experiments.material import EVALUATION_BATCH, Material
from vaestro.foundation.samples import Batch, SampleSpec
from vaestro.runs.folder import RunFolder


def references_of_split(
    material: Callable[[], Material], spec: SampleSpec, folder: RunFolder, split: str
) -> References:
    """Training samples, others of `split`, and the covariates of the run's data set."""
    covariates = material().data.covariates

    def some(name: str) -> Callable[[int], Iterable[Batch]]:
        return lambda most: material().some(name, most)

    return References(
        spec,
        some("train"),
        None if split == "train" else some(split),
        {name: torch.from_numpy(column) for name, column in covariates.items()},
        folder.features,
    )


def references_of_samples(
    material: Callable[[], Material], spec: SampleSpec, folder: RunFolder, samples: Samples
) -> References:
    """Training samples of the run, which are read only if they are asked for, and others of
    `samples`, which are not its own and have at most what the model is told of them."""

    def learn(most: int) -> Iterable[Batch]:
        return material().some("train", most)

    def held(most: int) -> Iterable[Batch]:
        return samples.spread(most).in_order(EVALUATION_BATCH)

    return References(spec, learn, held, {}, folder.features)
