"""The transform interface. Shape letters: B batch, * the sample's axes."""

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor, nn

from vaestro.foundation.samples import SampleSpec


class Transform(nn.Module, ABC):
    """A map from natural units to model space, fitted on the training split.

    `log_det` is a buffer, a scalar, in nats per sample: a density in natural units is the
    model-space density plus it (plus `excess` where the transform reduces), so one data set's nats
    compare across scalings. It is log|det dy/dx|, and for a transform that reduces also the
    training mean of the log-density with which it completes what it drops.

    Fitted values are buffers, saved and restored with the model; they are in 64 bits until the
    model chooses its width, and a transform gives numbers of its buffers' type.
    Concrete classes are final.
    """

    is_identity: bool = False

    reduces: bool = False
    """Whether y has fewer numbers than x, so that `invert` is not exact."""

    log_det: Tensor

    @abstractmethod
    def apply(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """Natural units (B, *) to model space (B, *); the shape may become another one."""

    @abstractmethod
    def invert(self, y: Tensor) -> Tensor:
        """Model space (B, *) to natural units (B, *)."""

    def model_spec(self, spec: SampleSpec) -> SampleSpec:
        """The spec of transformed samples, whose natural ones have `spec`."""
        return spec

    def excess(self, x: Tensor) -> Tensor:
        """The completion's log-density (B,) of natural samples x: (B, *), less its training mean.

        0 in the mean over the training split; 0 for each sample where nothing is dropped.
        """
        return x.new_zeros(len(x))

    def facts(self) -> dict[str, Any]:
        """What was fitted, as plain JSON, for reports; empty where there is nothing to tell."""
        return {}


def real_spec(spec: SampleSpec, shape: tuple[int, ...], largest_std: float) -> SampleSpec:
    """Samples of `spec` divided by stds of at most `largest_std`: real numbers of `shape`.

    Quantised data stay quantised: the model-space resolution is the natural one over the largest
    std, the smallest of any element, so that a floor tied to it is above no element's own.
    """
    if spec.resolution is None:
        return SampleSpec(shape, "real")
    return SampleSpec(shape, "real", spec.resolution / largest_std, spec.levels)
