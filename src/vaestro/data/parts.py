"""Training, validation and test parts, told from what arrays are called.

Shape letters: N samples, * the sample's axes.
"""

import re
from collections.abc import Mapping
from typing import Literal

import numpy as np

Part = Literal["train", "validation", "test"]
ORDER: tuple[Part, ...] = ("train", "validation", "test")
LABEL_WORDS = ("labels", "label", "y", "targets", "target")


def told_apart(name: str) -> tuple[Part | None, str]:
    """The part that an array's name begins or ends with, and the rest of the name:
    train_images, x_train and train/x are of the part train."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)
    listed = [word.lower() for word in re.split(r"[^A-Za-z0-9]+", words) if word]
    for place in (0, -1):
        part = _part_of(listed[place]) if listed else None
        if part is not None:
            del listed[place]
            return part, "_".join(listed)
    return None, "_".join(listed)


def _part_of(word: str) -> Part | None:
    if word.startswith("train"):
        return "train"
    if word.startswith("test"):
        return "test"
    return "validation" if re.fullmatch(r"val(id(ation)?)?\d*", word) else None


def parted(shapes: Mapping[str, tuple[int, ...]]) -> list[list[str]]:
    """Of arrays (N, *) by name and shape: those of one name and equal samples, in the order of the
    parts, where there is a training part and another; labels are no samples."""
    groups: dict[str, dict[Part, str]] = {}
    for name in shapes:
        part, stem = told_apart(name)
        if part is not None and stem not in LABEL_WORDS:
            groups.setdefault(stem, {})[part] = name
    return [
        [group[part] for part in ORDER if part in group]
        for group in groups.values()
        if "train" in group
        and len(group) > 1
        and len({shapes[name][1:] for name in group.values()}) == 1
    ]


def official_parts(
    keys: list[str], sizes: list[int]
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """The samples of a last part called test, and of one called validation before it."""
    ends = np.cumsum(sizes)
    found: dict[Part, np.ndarray] = {}
    last = len(keys) - 1
    for part in ("test", "validation"):
        if last > 0 and told_apart(keys[last])[0] == part:
            found[part] = np.arange(ends[last - 1], ends[last])
            last -= 1
    return found.get("validation"), found.get("test")
