"""What log 002 trains: its data, or digits enlarged to their size, and its network in small."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from vaestro.data.images.idx import IdxConfig, load_idx
from vaestro.experiments.recipe import Recipe, read_recipe
from vaestro.foundation.files import new_file
from vaestro.studies.logs.bench import Bench

SIZE, MNIST = 16, 28
"""Pixels along the edge of an enlarged digit, and of an image of MNIST."""
LATENT = 100
QUICK_IMAGES, IMAGES = 1400, 15000
"""Images of the user's that are used, a fifth of them to validate: so many as decide what is
claimed, and no more."""


def small(size: int, channels: int = 16, width: int = 128) -> dict[str, Any]:
    """Networks that train in seconds and end as the log's do: transposed convolutions, the last of
    which has a single output channel."""
    grid, step = [channels, size // 4, size // 4], {"kernel": 4, "stride": 2, "padding": 1}
    layers = [
        {"dense": int(np.prod(grid))},
        {"grid": grid},
        {"transposed": {"channels": channels, **step}},
        {"transposed": step},
    ]
    return {
        "encoder": {"kind": "dense", "widths": [width]},
        "decoder": {"kind": "layers", "layers": layers},
    }


def edge(bench: Bench) -> int:
    """Pixels along the edge of a picture: of MNIST, or of digits enlarged."""
    return SIZE if bench.quick and bench.data is None else MNIST


def recipe(bench: Bench) -> Recipe:
    """What the runs of the chapters start from: the log's model with `small` networks."""
    values = _values(bench, edge(bench))
    values["model"] |= small(edge(bench))
    values["model"]["posterior"]["hidden"] = []
    return Recipe.parse(values)


def own(bench: Bench) -> Recipe:
    """The log's model with its own networks, on pictures of 28 x 28. A step of theirs takes about a
    second of one core, so that few runs have them."""
    return Recipe.parse(_values(bench, MNIST))


def _values(bench: Bench, size: int) -> dict[str, Any]:
    """K = 100, labels one-hot five times over, log-std, Adam 1e-3, squared error over 2 x_var."""
    values = read_recipe("mnist-cvae").plain()
    values |= {"name": "log-002", "about": "", **_data(bench, size)}
    values["training"] = {
        "epochs": bench.pick(20, 10),
        "batch_size": bench.pick(64, 128),
        "learning_rate": 1e-3,
        "monitor": "off",
        "snapshot_epochs": 1000,
        "validate_epochs": bench.pick(10, 5),
    }
    values["model"]["likelihood"] = {"kind": "gaussian", "variance": 1.0}
    return values


def _data(bench: Bench, size: int) -> dict[str, Any]:
    """The user's images, or digits of 8 x 8 pixels enlarged to `size`."""
    if bench.data is not None:
        source = {"kind": "idx", "path": str(bench.data.resolve())}
        few = bench.pick(QUICK_IMAGES, IMAGES)
        share = min(0.85, few / _images_in(bench.data))
        return {"data": source, "split": {"validation": 0.2, "test": round(1 - share, 6)}}
    path = bench.root / "data" / f"digits-{size}.npz"
    if not path.is_file():
        _enlarge(path, size)
    named = {"key": "values", "labels_key": "labels", "layout": "images", "values": "unit"}
    return {
        "data": {"kind": "arrays", "path": str(path.resolve()), **named},
        "split": {"validation": 0.2, "test": 0.15},
    }


@cache
def _images_in(path: Path) -> int:
    """How many images a folder of idx files, or one file, has."""
    return len(load_idx(IdxConfig(path=str(path))).values)


def _enlarge(path: Path, size: int) -> None:
    """Keep the digits that come with scikit-learn enlarged, in [0, 1]."""
    images, labels = load_digits(return_X_y=True)
    larger = [_larger(image, size) for image in images.reshape(-1, 8, 8)]
    with new_file(path) as staging:
        np.savez_compressed(staging, values=np.stack(larger)[:, None], labels=labels)


def _larger(image: np.ndarray[Any, Any], size: int) -> np.ndarray[Any, Any]:
    """(8, 8) of 0 to 16 as (size, size) of 0 to 1, by bicubic interpolation."""
    small = Image.fromarray((image / 16).astype(np.float32), mode="F")
    large = np.asarray(small.resize((size, size), Image.Resampling.BICUBIC))
    bounded: np.ndarray[Any, Any] = np.clip(large, 0, 1)
    return bounded
