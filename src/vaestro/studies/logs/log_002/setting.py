"""What log 002 trains: its data, or digits enlarged to their size, and its network in small."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from vaestro.experiments.recipe import Recipe, read_recipe
from vaestro.foundation.files import new_file
from vaestro.studies.logs.bench import Bench

SIZE, MNIST = 16, 28
"""Pixels along the edge of an enlarged digit, and of an image of MNIST."""
LATENT = 100


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
    """Pixels along the edge of a picture."""
    return SIZE if bench.quick and bench.data is None else MNIST


def recipe(bench: Bench) -> Recipe:
    """The log's model: K = 100, labels one-hot five times over, log-std, Adam 1e-3.

    In the quick form the networks are `small`. Without data of the user's, digits of 8 x 8 pixels
    are enlarged: to 28 x 28, or to 16 x 16 in the quick form.
    """
    values = read_recipe("mnist-cvae").plain()
    values |= {"name": "log-002", "about": "", **_data(bench)}
    if bench.quick:
        values["model"] |= small(edge(bench))
        values["model"]["posterior"]["hidden"] = []
    values["training"] = {
        "epochs": bench.pick(20, 100),
        "batch_size": bench.pick(64, 128),
        "learning_rate": 1e-3,
        "monitor": "off",
        "snapshot_epochs": 1000,
        "validate_epochs": bench.pick(10, 5),
    }
    values["model"]["likelihood"] = {"kind": "gaussian", "variance": 1.0}
    return Recipe.parse(values)


def _data(bench: Bench) -> dict[str, Any]:
    if bench.data is not None:
        few = {"validation": 0.03, "test": 0.93}
        split = bench.pick(few, {"validation": 0.2, "test": "official"})
        return {"data": {"kind": "idx", "path": str(bench.data.resolve())}, "split": split}
    path = bench.root / "data" / "digits.npz"
    if not path.is_file():
        _enlarge(path, edge(bench))
    named = {"key": "values", "labels_key": "labels", "layout": "images", "values": "unit"}
    source = {"kind": "arrays", "path": str(path.resolve()), **named}
    return {"data": source, "split": {"validation": 0.2, "test": 0.15}}


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
