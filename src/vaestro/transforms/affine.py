"""Centre and scale: y = (x - mean) / std.

Shape letters: B batch, * the sample's axes.
"""

from typing import Any

import torch
from torch import Tensor

from vaestro.foundation.samples import SampleSpec
from vaestro.transforms.transform import Transform, real_spec


class Affine(Transform):
    """y = (x - mean) / std with log|det| = -sum log std over the sample's elements.

    mean, std: broadcast to the sample's shape (*); they are stated or measured elsewhere.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        mean, std = torch.broadcast_tensors(mean.double(), std.double())
        self.register_buffer("mean", mean.clone())
        self.register_buffer("std", std.clone())
        self.register_buffer("log_det", -std.log().sum())

    def apply(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """(x - mean) / std"""
        return (x - self.mean) / self.std

    def invert(self, y: Tensor) -> Tensor:
        """y * std + mean"""
        return y * self.std + self.mean

    def model_spec(self, spec: SampleSpec) -> SampleSpec:
        """Real numbers of the same shape; their resolution is the natural one over the std."""
        return real_spec(spec, spec.shape, float(self.std.max()))

    def facts(self) -> dict[str, Any]:
        """The least and the largest mean and std of an element."""
        return {
            "mean": [float(self.mean.min()), float(self.mean.max())],
            "std": [float(self.std.min()), float(self.std.max())],
        }
