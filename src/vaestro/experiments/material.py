"""The data of a recipe, split and in model space.

The transform is fitted on the training split and applied once, here; no step transforms again.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from vaestro.data.augmentation import build_augmentation
from vaestro.data.dataset import DataSet, require_learnable
from vaestro.data.identity import identity
from vaestro.data.samples import Samples
from vaestro.data.source import load_data
from vaestro.data.split import Split, split
from vaestro.experiments.recipe import Recipe
from vaestro.foundation.errors import DataError
from vaestro.foundation.samples import Batch, SampleSpec
from vaestro.models.config import ModelConfig
from vaestro.models.covariates import require_told, told_covariates
from vaestro.training.plan import Plan
from vaestro.transforms.kinds import fit, model_spec, restored
from vaestro.transforms.transform import Transform

EVALUATION_BATCH = 500


@dataclass(frozen=True)
class Material:
    """The data of a recipe, split and in model space."""

    data: DataSet
    split: Split
    spec: SampleSpec
    transform: Transform
    samples: dict[str, Samples]

    def batches(self, name: str, most: int | None = None) -> Callable[[], Iterable[Batch]]:
        """A function giving the batches of split `name` anew at each call, in order."""
        samples = self.samples[name] if most is None else self.samples[name].first(most)
        return lambda: samples.in_order(EVALUATION_BATCH)

    @cached_property
    def training_mean(self) -> Tensor:
        """The mean training sample (*), summed in 64 bits; runs that share the data share it."""
        total, count = torch.zeros(()), 0
        for batch in self.batches("train")():
            total = total.to(batch.x.device) + batch.x.double().sum(0)
            count += len(batch.x)
        return (total / count).float()

    @cached_property
    def digest(self) -> str:
        """By what the data are known again; runs that share the data share it."""
        return identity(self.data)

    def some(self, name: str, most: int) -> Iterable[Batch]:
        """The batches of at most `most` samples of split `name`, evenly spread over it."""
        return self.samples[name].spread(most).in_order(EVALUATION_BATCH)


Kept = Mapping[str, Tensor]


def prepare(
    recipe: Recipe, plan: Plan, data: DataSet | None = None, kept: Kept | None = None
) -> Material:
    """Load, split and transform the data of `recipe` (or `data` in their place).

    `kept` are the buffers of the transform that a run has; without them it is fitted. Raises
    DataError or RecipeError before anything is written.
    """
    data = load_data(recipe.data) if data is None else data
    require_learnable(data)
    parts = split(data, recipe.split)
    augmentation = build_augmentation(recipe.augmentation, data.spec, recipe.seed)
    whole = _told(Samples.of(data, plan.device, plan.dtype), recipe.model, data)
    transform = (
        _fitted(recipe, data.spec, whole.at(parts.train))
        if kept is None
        else restored(recipe.transform, data.spec, kept)
    ).to(plan.device, plan.dtype)
    whole = _in_model_space(replace(whole, augmentation=augmentation), transform)
    samples = {name: whole.at(parts.of(name)) for name in NAMES}
    inner = inner_spec(transform, data.spec)
    return Material(data, parts, inner, transform, samples)


NAMES = ("train", "validation", "test")


def inner_spec(transform: Transform, spec: SampleSpec) -> SampleSpec:
    """The spec of samples in model space, with the same labels and covariates beside them."""
    return replace(
        model_spec(transform, spec),
        label_names=spec.label_names,
        label_count=spec.label_count,
        covariate_names=spec.covariate_names,
    )


def _fitted(recipe: Recipe, spec: SampleSpec, training: Samples) -> Transform:
    """The transform, fitted on the training split as it is without augmentation."""

    def batches() -> Iterable[Tensor]:
        return (batch.x for batch in training.in_order(EVALUATION_BATCH))

    return fit(recipe.transform, batches, spec)


def _in_model_space(whole: Samples, transform: Transform) -> Samples:
    """Samples through `transform`: now and once where that makes them smaller and they stay the
    same, else as they are read, which needs no memory."""
    if transform.is_identity:
        return whole
    stays = whole.augmentation is None and not whole.store.changes
    if transform.reduces and stays:
        return whole.transformed(transform.apply)
    return whole.seen_through(transform.apply)


def _told(whole: Samples, config: ModelConfig, data: DataSet) -> Samples:
    """The samples with the covariates that the model reads beside them."""
    require_told(config, data.spec)
    names = told_covariates(config)
    if not names:
        return whole
    return whole.told(np.stack([data.covariates[name] for name in names], axis=1))


def require_seen(material: Material) -> None:
    """Raise DataError when a label of the data never occurs in the training part."""
    labels = material.data.labels
    assert labels is not None
    unseen = np.setdiff1d(labels, labels[material.split.train])
    if len(unseen):
        names = material.data.spec.label_names
        shown = names[unseen[0]] if names else unseen[0]
        raise DataError(
            f"{material.data.name}: label {shown} is in the data and in no training sample; a "
            "model conditioned on labels needs all of them there: change split.seed or split.test"
        )
