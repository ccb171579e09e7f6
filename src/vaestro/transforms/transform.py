"""The transform interface. Shape letters: B batch, * the sample's axes."""

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Transform(nn.Module, ABC):
    """An invertible map from natural units to model space, fitted on the training split.

    `log_det` is the buffer log|det dy/dx| in nats per sample, a scalar: a density in natural units
    is the model-space density plus it, so one data set's nats compare across scalings. Fitted
    values are buffers, saved and restored with the model. Concrete classes are final.
    """

    is_identity: bool = False
    log_det: Tensor

    @abstractmethod
    def apply(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """Natural units (B, *) to model space (B, *)."""

    @abstractmethod
    def invert(self, y: Tensor) -> Tensor:
        """Model space (B, *) to natural units (B, *)."""
