"""Greys drawn as black and white, and the recipe of the model that the tables of nats are of."""

import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from vaestro.data.images.binarise import Binarised, binarised
from vaestro.data.images.idx import IdxConfig, load_idx
from vaestro.data.rows import Renderer, in_memory
from vaestro.experiments.assemble import assemble
from vaestro.experiments.recipe import Recipe, apply, quoted, read_recipe
from vaestro.foundation.errors import DataError
from vaestro.training.plan import choose


def idx_file(folder: Path, part: str, images: np.ndarray, code: int = 8) -> None:
    """Images as the idx format has them."""
    header = struct.pack(f">BBBB{images.ndim}I", 0, 0, code, images.ndim, *images.shape)
    (folder / f"{part}-images-idx3-ubyte").write_bytes(header + images.tobytes())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """120 training and 30 test images of 4 x 5 greys."""
    greys = np.random.default_rng(0).integers(0, 256, (150, 4, 5)).astype(np.uint8)
    idx_file(tmp_path, "train", greys[:120])
    idx_file(tmp_path, "t10k", greys[120:])
    return tmp_path


@pytest.mark.parametrize("level", [0, 1, 51, 128, 254, 255])
def test_a_pixel_is_one_as_often_as_its_grey_says(level: int) -> None:
    rows = Binarised(np.full((400, 1, 25, 20), level, np.uint8), seed=3)
    drawn = rows.at_epoch(np.arange(400), epoch=7)
    expected = level / 255
    error = np.sqrt(expected * (1 - expected) / drawn.size)
    assert set(np.unique(drawn)) <= {0, 1}
    assert abs(drawn.mean() - expected) <= 4 * error  # 0 at both ends: these are exact


def test_pixels_samples_and_epochs_are_drawn_apart() -> None:
    """Even chances agree half the time, whichever two are put beside each other."""
    rows = Binarised(np.full((500, 1, 20, 21), 127, np.uint8), seed=0)
    first, second = (rows.at_epoch(np.arange(500), epoch).reshape(500, -1) for epoch in (1, 2))
    other = Binarised(rows.greys, seed=1).at_epoch(np.arange(500), 1).reshape(500, -1)
    pairs = {
        "pixels": (first[:, 1:], first[:, :-1]),
        "pixels of neighbouring words": (first[:, 4:], first[:, :-4]),
        "samples": (first[1:], first[:-1]),
        "epochs": (first, second),
        "seeds": (first, other),
    }
    for name, (one, two) in pairs.items():
        assert abs((one == two).mean() - 0.5) < 0.005, name


def test_a_draw_does_not_know_what_stands_beside_it() -> None:
    greys = np.random.default_rng(1).integers(0, 256, (50, 1, 3, 3)).astype(np.uint8)
    rows = Binarised(greys, seed=5)
    asked = np.array([40, 3, 3, 17])
    assert np.array_equal(rows.at_epoch(asked, 9)[2], rows.at_epoch(np.array([3]), 9)[0])
    assert np.array_equal(rows[asked], rows.at_epoch(asked, 0))
    assert np.array_equal(rows[10:12], rows[np.array([10, 11])])


def test_once_is_the_first_draw_for_ever() -> None:
    greys = np.random.default_rng(1).integers(0, 256, (50, 1, 3, 3)).astype(np.uint8)
    once, anew = (binarised("x", greys, how, 2) for how in ("once", "every-epoch"))  # type: ignore[arg-type]
    assert in_memory(once)
    assert isinstance(anew, Renderer)
    assert anew.changes
    assert np.array_equal(once[:], anew[:])


def test_training_sees_new_draws_and_evaluation_one(folder: Path) -> None:
    recipe = Recipe.parse(
        {
            "data": {"kind": "idx", "path": str(folder), "binarise": "every-epoch"},
            "split": {"validation": 0.2, "test": "official"},
            "training": {"batch_size": 96, "threads": 1},
        }
    )
    parts = assemble(recipe, choose(recipe.training))
    batches = [parts.stream.batch(step) for step in (0, 1)]
    parts.stream.close()
    one, two = (batch.x[batch.indices.argsort()] for batch in batches)
    assert parts.material.spec.values == "binary"
    assert not torch.equal(one, two)
    looks = [next(iter(parts.material.batches("test")())).x for _ in range(2)]
    assert torch.equal(*looks)
    assert set(looks[0].unique().tolist()) == {0.0, 1.0}


def test_the_seed_is_that_of_the_draws(folder: Path) -> None:
    some = [
        load_idx(IdxConfig(path=str(folder), binarise="once", seed=seed)).values[:]
        for seed in (0, 1)
    ]
    assert not np.array_equal(*some)


def test_numbers_that_are_no_bytes_are_refused(tmp_path: Path) -> None:
    idx_file(tmp_path, "train", np.zeros((3, 2, 2), ">f4"), code=0x0D)
    with pytest.raises(DataError, match=r"holds float32.*give data\.binarise=no"):
        load_idx(IdxConfig(path=str(tmp_path), binarise="once"))


def test_the_recipe_is_the_published_model(real_data: Path) -> None:
    """50 units, two layers of 200 on either side, the output starting at the mean pixel."""
    recipe = apply(read_recipe("mnist-burda"), [f"data.path={quoted(real_data / 'mnist')}"])
    parts = assemble(recipe, choose(recipe.training))
    parts.stream.close()
    sizes = [(784, 200), (200, 200), (200, 100), (50, 200), (200, 200), (200, 784)]
    assert sum(p.numel() for p in parts.vae.parameters()) == sum((a + 1) * b for a, b in sizes)
    assert sum(isinstance(layer, torch.nn.Tanh) for layer in parts.vae.modules()) == 4
    mean = parts.material.training_mean
    with torch.no_grad():
        started = parts.vae.generate(torch.zeros(1, 50))[0]
    assert (started - mean).abs().max() < 0.05
    assert len(parts.material.split.test) == 10_000
