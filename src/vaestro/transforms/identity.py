"""No transform: model space is natural units."""

from typing import Literal

import torch
from torch import Tensor

from vaestro.foundation.config import Config
from vaestro.transforms.transform import Transform


class NoneConfig(Config):
    """Samples enter the model in their natural units."""

    kind: Literal["none"] = "none"


class Identity(Transform):
    """y = x; log|det| = 0."""

    is_identity = True

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("log_det", torch.zeros(()))

    def apply(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """x itself."""
        return x

    def invert(self, y: Tensor) -> Tensor:
        """y itself."""
        return y
