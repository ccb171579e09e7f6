"""The built-in recipes: they are what they say, and every one of them resumes exactly."""

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.conftest import Silent
from tests.test_resume import assert_same_run, train_killed, train_straight, unchanged
from vaestro.experiments import train as training
from vaestro.experiments.assemble import Assembly, assemble
from vaestro.experiments.recipe import Recipe, built_in, read_recipe
from vaestro.training.plan import choose

FEW_TOYS = {"instances": 3, "elevations": 1, "azimuths": 4, "lightings": 1}
SHORT: dict[str, dict[str, Any]] = {
    "toys": FEW_TOYS,
    "molecules": {"samples": 40, "molecules": 10, "size": 9},
    "bundles": {"streamlines": 50},
    "digits": {},
    "idx": {},
    "arrays": {},
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Small stand-ins for the recipes that need a path."""
    folder = tmp_path_factory.mktemp("data")
    random = np.random.default_rng(0)
    for part, count in (("train", 60), ("t10k", 20)):
        images = random.integers(0, 256, (count, 28, 28)).astype(np.uint8)
        labels = (np.arange(count) % 10).astype(np.uint8)
        for name, array in (("images-idx3", images), ("labels-idx1", labels)):
            header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
            path = folder / f"{part}-{name}-ubyte.gz"
            path.write_bytes(gzip.compress(header + array.tobytes()))
    np.savetxt(
        folder / "data.csv",
        random.normal(size=(60, 5)),
        delimiter=",",
        header="a,b,c,d,e",
        comments="",
    )
    return {"idx": folder, "arrays": folder / "data.csv"}


def shortened(name: str, files: dict[str, Path], **training_fields: Any) -> Recipe:
    """The recipe with all of its parts, on little data, for a few steps."""
    values = read_recipe(name).plain()
    kind = values["data"]["kind"]
    values["data"] |= SHORT[kind]
    if kind in files:
        values["data"]["path"] = str(files[kind])
    if values["transform"]["kind"] == "pca" and kind == "toys":
        values["transform"]["components"] = 12
    values["training"] |= {
        "epochs": 2,
        "batch_size": 200 if kind == "digits" else 8,
        "checkpoint_steps": 2,
        "threads": 1,
        **training_fields,
    }
    return Recipe.parse(values)


def assembled(name: str, files: dict[str, Path]) -> Assembly:
    recipe = shortened(name, files)
    return assemble(recipe, choose(recipe.training))


LARGE = ("norb-conv", "norb-conv-fitted", "norb-pca-large", "streamline-beta")
"""Recipes of which a few steps take half a minute, or as long as those of one like them."""


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow) if name in LARGE else name for name in built_in()],
)
def test_every_recipe_resumes_exactly(
    name: str, files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = shortened(name, files)
    train_straight(recipe, tmp_path / "straight")
    train_killed(recipe, tmp_path / "killed", 3, monkeypatch)
    display = Silent()
    training.resume(tmp_path / "killed", unchanged, display)
    assert display.steps[0] == 2
    assert_same_run(tmp_path / "straight", tmp_path / "killed")


@pytest.mark.parametrize(
    ("name", "count"),
    [("streamline-ae", 4_726_307), ("streamline-vae", 4_992_515), ("mnist-cvae", 2_103_081)],
)
def test_parameters_are_those_of_the_logs(name: str, count: int, files: dict[str, Path]) -> None:
    vae = assembled(name, files).vae
    assert sum(p.numel() for p in vae.parameters()) == count


@pytest.mark.parametrize("name", built_in())
def test_log_variances_start_small(name: str, files: dict[str, Path]) -> None:
    """Log 001's initialiser gave thousands; batch normalisation sees a batch, as in training."""
    parts = assembled(name, files)
    parts.vae.train()
    batch = parts.stream.batch(0)
    posterior = parts.vae.encode(batch.x, batch.given)
    if posterior.log_variance is not None:
        assert posterior.log_variance.abs().max() < (5 if "streamline" in name else 8)


def test_the_mean_reduction_of_log_000_means_an_enormous_beta(files: dict[str, Path]) -> None:
    """Averaged over the elements, the KL summed over the batch: beta times elements times batch."""
    mean, summed = (assembled(f"voxel-{kind}-mse", files) for kind in ("mean", "sum"))
    elements, batch = mean.material.spec.elements, mean.recipe.training.batch_size
    assert mean.effective["effective_beta"] == pytest.approx(elements * batch)
    assert summed.effective["effective_beta"] == 1
    assert summed.effective["effective_variance"] == 0.5
    assert mean.vae.head.latents == ((16, 3, 3, 3),)


def test_skips_are_latents_that_the_prior_can_draw(files: dict[str, Path]) -> None:
    vae = assembled("norb-unet", files).vae.eval()
    assert vae.head.latents == ((64,), (1, 12, 12))
    with torch.no_grad():
        one, other = (vae.generate(torch.randn(2, vae.latent)) for _ in range(2))
    assert torch.isfinite(one).all()
    assert not torch.equal(one, other)
