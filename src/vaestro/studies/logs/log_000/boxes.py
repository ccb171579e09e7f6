"""The boxes that log 000's study trains on, drawn or cut once and kept in the study's folder.

Letters: N boxes, C channels, D voxels a side.
"""

from pathlib import Path

import numpy as np

from vaestro.data.dataset import DataSet
from vaestro.data.recognise import guess_source
from vaestro.data.source import Source, load_data
from vaestro.data.split import SplitConfig, split
from vaestro.data.volumes.atoms import AtomsConfig
from vaestro.data.volumes.molecules import MoleculesConfig
from vaestro.data.volumes.volumes import VolumesConfig
from vaestro.foundation.errors import DataError
from vaestro.foundation.files import new_file
from vaestro.studies.logs.bench import Bench

NAMES = ("train", "validation", "test")
CHANNELS = ("C", "N", "O", "*")
STD = 0.05
"""What the log divides its images by; the mean stays in."""
QUICK_SIDE, SIDE = 11, 19
QUICK_COUNT, COUNT = 480, 1200
LEAST = 9
"""Volumes of so many voxels a side leave the three that a denoiser's kernel needs."""


def boxes(bench: Bench) -> tuple[str, ...]:
    """The edits with which a recipe trains on the study's boxes: its fields of data and split."""
    path = bench.root / "boxes.npz"
    if not path.is_file():
        _keep(_loaded(bench), path)
    official = "split={validation: official, test: official}"
    return (f"data={{kind: arrays, path: '{path.resolve()}'}}", official, "transform=none")


def about(bench: Bench) -> str:
    """What the boxes are, in a sentence."""
    with np.load(bench.root / "boxes.npz") as held:
        counts = [len(held[f"{name}_values"]) for name in ("train", "val", "test")]
        shape = held["train_values"].shape[1:]
    whence = (
        "made-up proteins, rendered as the log's (atoms as fractions of a voxel, divided by 0.05)"
        if bench.data is None
        else f"`{bench.data.name}`"
    )
    size = " x ".join(map(str, shape))
    return (
        f"{counts[0]} boxes of {size} voxels from {whence} to learn from, {counts[1]} and "
        f"{counts[2]} of others to validate and test."
    )


def of_molecules(bench: Bench) -> bool:
    """Whether the boxes hold atoms, a channel an element."""
    return bench.data is None or isinstance(guess_source(bench.data), AtomsConfig)


def _loaded(bench: Bench) -> DataSet:
    source = _source(bench)
    data = load_data(source)
    if data.spec.domain != "volume":
        raise DataError(
            f"{bench.data} holds samples of shape {data.spec.shape}; log-000 needs volumes or "
            "coordinate files"
        )
    if not of_molecules(bench) and min(data.spec.shape[1:]) < LEAST:
        raise DataError(
            f"{bench.data} holds volumes of {data.spec.shape[1:]} voxels; log-000 halves them "
            f"twice and needs {LEAST} along every axis"
        )
    return data


def _source(bench: Bench) -> Source:
    side, count = bench.pick(QUICK_SIDE, SIDE), bench.pick(QUICK_COUNT, COUNT)
    if bench.data is None:
        return MoleculesConfig(
            size=side, samples=count, molecules=count // 6, std=STD, channels=CHANNELS, fresh=False
        )
    found = guess_source(bench.data)
    if isinstance(found, AtomsConfig):
        seen = {"size": side, "crops": count, "std": STD, "channels": CHANNELS, "fresh": False}
        return found.model_copy(update=seen)
    if isinstance(found, VolumesConfig):
        return found.model_copy(update={"size": side, "crops": count})
    return found


def _keep(data: DataSet, path: Path) -> None:
    """The parts as arrays that a recipe's split finds again; volumes that are no molecules are
    divided by the root of their mean square, so that an image of zeros is wrong by 1."""
    parts = split(data, SplitConfig())
    values = {name: _coarse(np.asarray(data.values[parts.of(name)])) for name in NAMES}
    if data.spec.names != CHANNELS:
        scale = np.sqrt(np.mean(np.square(values["train"], dtype=np.float64)))
        values = {name: part / np.float32(scale) for name, part in values.items()}
    named = {f"{word}_values": values[name] for name, word in zip(NAMES, WORDS, strict=True)}
    with new_file(path) as staging:
        np.savez(staging, names=np.array(data.spec.names or ()), **named)  # type: ignore[arg-type]


WORDS = ("train", "val", "test")
"""How an archive calls the parts."""


def _coarse(values: np.ndarray) -> np.ndarray:
    """Volumes (N, C, D, D, D) of more than SIDE voxels a side, by means of 2 x 2 x 2 until they are
    no larger; an odd last layer is left out."""
    values = values.astype(np.float32)
    while min(values.shape[2:]) > SIDE:
        n, c, *sides = values.shape
        d, h, w = (side // 2 for side in sides)
        even = values[:, :, : 2 * d, : 2 * h, : 2 * w]
        values = even.reshape(n, c, d, 2, h, 2, w, 2).mean((3, 5, 7))
    return values
