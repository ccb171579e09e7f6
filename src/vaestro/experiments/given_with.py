"""What comes with samples or latents that are not the run's own: their conditions.

Shape letters: N samples.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaestro.data.dataset import require_finite
from vaestro.data.from_python import as_array, covariates_from, plain_array
from vaestro.data.labels import as_labels
from vaestro.experiments.requested_condition import label_number
from vaestro.foundation.errors import DataError
from vaestro.foundation.samples import NOTHING, Given, SampleSpec
from vaestro.models.vae import VAE


def given_with(vae: VAE, spec: SampleSpec, count: int, labels: Any, covariates: Any) -> Given:
    """The conditions of `count` samples, as far as the model is told any: of `labels` (N,), whole
    numbers or names, and of `covariates`, (N,) each by name. Either may be None.

    Raises DataError for another number of them, an unknown label, or a covariate that is missing
    beside others.
    """
    if vae.memory is None:
        return NOTHING
    by_label = vae.condition is not None and vae.condition.by_label
    told = _numbers(labels, spec, count) if by_label and labels is not None else None
    return Given(told, _columns(vae.told, covariates, count) if covariates else None)


def _numbers(labels: Any, spec: SampleSpec, count: int) -> Tensor:
    """Labels as numbers (N,): text by the names that the run knows, numbers as they are."""
    given = as_labels("labels", plain_array(labels, "labels"))
    _require_count("labels", given.numbers, count)
    names = given.names
    values, places = np.unique(given.numbers, return_inverse=True)
    known = [
        _known(value, spec) if names is None else label_number(names[value], spec)
        for value in values
    ]
    return torch.from_numpy(np.array(known, dtype=np.int64)[places])


def _known(value: Any, spec: SampleSpec) -> int:
    """A whole number below the run's count of labels."""
    legal = spec.label_count or 0
    if value != value // 1 or not 0 <= value < legal:
        raise DataError(f"label {value:g}: the model knows no such label; legal: 0 to {legal - 1}")
    return int(value)


def _columns(told: tuple[str, ...], covariates: Mapping[str, Any], count: int) -> Tensor | None:
    """The covariates that the model reads (N, V), in its order; None if none of them is given."""
    given = covariates_from(covariates, "the given data")
    missing = [name for name in told if name not in given]
    if len(missing) == len(told):
        return None
    if missing:
        raise DataError(
            f"the model reads the covariates {', '.join(told)}, and {', '.join(missing)} is not "
            "among those given; give all of them"
        )
    for name in told:
        _require_count(f"covariate {name}", given[name], count)
        require_finite(f"covariate {name}", as_array(given[name], name)[:, None])
    return torch.from_numpy(np.stack([given[name] for name in told], axis=1).astype(np.float32))


def _require_count(name: str, column: np.ndarray, count: int) -> None:
    if column.shape != (count,):
        raise DataError(
            f"{name}: shape {column.shape} beside {count} samples; one a sample is needed, "
            f"shape ({count},)"
        )
