"""The handwritten digits that scikit-learn ships: no download, no file."""

from typing import Literal

import numpy as np

from vaestro.data.dataset import DataSet, checked
from vaestro.foundation.config import Config


class DigitsConfig(Config):
    """1,797 digits of 8x8 pixels with 17 grey levels (0 to 16), stored as bytes, shown in [0, 1].

    Source: UCI "Optical recognition of handwritten digits", test part.
    """

    kind: Literal["digits"] = "digits"


def load_digits(config: DigitsConfig) -> DataSet:
    """The digits with their labels."""
    from sklearn.datasets import load_digits as read

    bunch = read()
    images = bunch.images.astype(np.uint8)[:, None]
    return checked("digits", images, "unit", scale=1 / 16, levels=17, labels=bunch.target)
