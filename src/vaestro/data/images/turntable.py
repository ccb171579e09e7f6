"""Objects on a turntable: what small NORB and the toys have in common.

Every picture is annotated with [stereo, category, instance, elevation, azimuth, lighting]: the eye
(0 left, 1 right), one of five categories, one of ten objects of that category, and the codes of
elevation (0-8: 30 + 5 code degrees), azimuth (0, 2, ..., 34: 10 code degrees) and lighting (0-5).

Shape letters: P stereo pairs, N samples, E eyes a sample, H height, W width.
"""

from typing import Literal, NamedTuple, Self

import numpy as np
from pydantic import model_validator

from vaestro.data.dataset import DataSet, checked
from vaestro.data.storage import GREY
from vaestro.foundation.config import Config

Stereo = Literal["unrolled", "pair", "left", "right"]
Annotation = Literal["category", "instance", "elevation", "azimuth", "lighting", "stereo"]
COLUMNS = ("stereo", "category", "instance", "elevation", "azimuth", "lighting")
CATEGORIES = ("animal", "human", "plane", "truck", "car")
INSTANCES = 10
ELEVATIONS = 9
AZIMUTHS = 18
LIGHTINGS = 6


class TurntableConfig(Config):
    """`stereo`: how the two eyes make samples: "unrolled" each eye a picture of one channel, the
    two of a pair one after the other; "pair" one picture of two channels; or one eye alone.
    `label`: the annotation that is the label: that of azimuth counts 0 to 17, the others are codes.
    """

    stereo: Stereo = "unrolled"
    label: Annotation = "category"

    @model_validator(mode="after")
    def _one_eye_a_sample(self) -> Self:
        if self.label == "stereo" and self.stereo != "unrolled":
            raise ValueError(
                f"label=stereo needs stereo=unrolled, where both eyes are samples; "
                f"with stereo={self.stereo} choose another label"
            )
        return self


class Parts(NamedTuple):
    """The objects, by instance number, of the training, validation and test part."""

    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]


def eyes(pairs: np.ndarray, stereo: Stereo) -> np.ndarray:
    """Those eyes of `pairs` (P, 2, H, W) that `stereo` wants, a view (P, E, H, W)."""
    wanted = {"left": slice(0, 1), "right": slice(1, 2)}
    return pairs[:, wanted.get(stereo, slice(0, 2))]


def annotated(objects: np.ndarray, stereo: Stereo) -> np.ndarray:
    """The annotations (N, 6) of the samples made of P pairs.

    objects: (P, 5) category, instance, elevation, azimuth and lighting of each pair.
    """
    if stereo == "unrolled":
        return np.column_stack((np.tile((0, 1), len(objects)), np.repeat(objects, 2, axis=0)))
    return np.column_stack((np.full(len(objects), int(stereo == "right")), objects))


def turntable(
    name: str,
    values: np.ndarray,
    annotations: np.ndarray,
    config: TurntableConfig,
    parts: Parts,
    notes: tuple[str, ...] = (),
) -> DataSet:
    """The data set of pictures `values` (P, E, H, W), bytes, and `annotations` (N, 6).

    A group is one object. The covariates are degrees of elevation and azimuth, and the codes of
    lighting and (where both eyes are samples) stereo. Raises DataError as `checked` does.
    """
    if config.stereo == "unrolled":
        values = values.reshape(-1, 1, *values.shape[2:])
    column = dict(zip(COLUMNS, annotations.T, strict=True))
    covariates = {
        "elevation": 30 + 5 * column["elevation"],
        "azimuth": 10 * column["azimuth"],
        "lighting": column["lighting"],
    }
    if config.stereo == "unrolled":
        covariates["stereo"] = column["stereo"]
    label = column[config.label]
    return checked(
        name,
        values,
        "unit",
        scale=GREY,
        levels=256,
        labels=label // 2 if config.label == "azimuth" else label,
        label_names=_label_names(config.label),
        covariates=covariates,
        official_test=_members(column["instance"], parts.test),
        official_validation=_members(column["instance"], parts.validation),
        groups=column["category"].astype(np.int64) * INSTANCES + column["instance"],
        notes=notes,
    )


def _members(instance: np.ndarray, part: tuple[int, ...]) -> np.ndarray | None:
    """The numbers of the samples of a part, or None when the data hold none of its objects."""
    found = np.flatnonzero(np.isin(instance, part))
    return found if len(found) else None


def _label_names(label: Annotation) -> tuple[str, ...]:
    match label:
        case "category":
            return CATEGORIES
        case "stereo":
            return ("left", "right")
        case "elevation":
            return tuple(f"{30 + 5 * code} degrees" for code in range(ELEVATIONS))
        case "azimuth":
            return tuple(f"{20 * step} degrees" for step in range(AZIMUTHS))
        case _:
            count = INSTANCES if label == "instance" else LIGHTINGS
            return tuple(f"{label} {code}" for code in range(count))
