"""What a model is told of each sample: its label, or some of its covariates.

Shape letters: N samples, L label values, V covariates, W columns.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from vaestro.foundation.samples import Given


@dataclass(frozen=True)
class Heard:
    """`label`: whether the label is told; `columns`: the covariates that are, each with its column
    of `Given.covariates`. Data may have more than a model hears."""

    label: bool = True
    columns: Mapping[str, int] = field(default_factory=dict)

    def less(self, other: "Heard") -> "Heard":
        """What is told here and not there."""
        rest = {name: at for name, at in self.columns.items() if name not in other.columns}
        return Heard(self.label and not other.label, rest)

    def of(self, given: Given) -> Given:
        """That part of `given`; None of what is not told, or not known of these samples."""
        label, covariates = given
        if covariates is not None:
            columns = list(self.columns.values())
            covariates = covariates[:, columns] if columns else None
        return Given(label if self.label else None, covariates)

    def exchanged(self, given: Given, order: Tensor) -> Given:
        """`given` where each sample has what is told here of the sample at its place in `order`
        (N,), and all else of its own."""
        label, covariates = given
        if self.label and label is not None:
            label = label[order]
        if self.columns and covariates is not None:
            columns, covariates = list(self.columns.values()), covariates.clone()
            covariates[:, columns] = covariates[order][:, columns]
        return Given(label, covariates)

    def words(self) -> str:
        """Its name in a sentence: "the label and the covariates age and dose"."""
        names = " and ".join(self.columns)
        many = "s" if len(self.columns) > 1 else ""
        parts = ["the label"] if self.label else []
        return " and ".join(parts + ([f"the covariate{many} {names}"] if names else []))

    @property
    def several(self) -> bool:
        """Whether it is more than one thing."""
        return self.label + len(self.columns) > 1


THE_LABEL, NOTHING_HEARD = Heard(), Heard(label=False)
"""Of most models: what a conditional one is told, and what a prior is."""


def design(told: Given) -> Tensor:
    """What a line in `told` is fitted by, (N, W) in 64 bits: a column for each whole-number label,
    or those of other labels and one of ones; then the V covariates."""
    label, covariates = told
    columns = [] if covariates is None else [covariates.double()]
    if label is not None and label.dim() == 1 and not label.is_floating_point():
        return torch.cat([(label[:, None] == label.unique()).double(), *columns], 1)
    if label is not None:
        columns = [label.double().reshape(len(label), -1), *columns]
    return torch.cat([*columns, torch.ones_like(columns[0][:, :1])], 1)
