"""Priors fitted to runs: every source of samples for every kind of data, and as commands."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import Silent, small_recipe
from vaestro.cli.main import main
from vaestro.data.dataset import DataSet, checked
from vaestro.experiments import train as training
from vaestro.experiments.priors.fit import MOST_DIMENSIONS
from vaestro.experiments.run import Run, load
from vaestro.foundation.errors import RecipeError, RunFolderError

QUICK = {
    "gaussian": (),
    "mixture": ("most=2",),
    "flow": ("steps=20", "layers=2", "width=8"),
    "maf": ("steps=20", "layers=2", "width=8"),
    "two-stage": ("steps=10", "widths=8", "draws=200"),
}
DENSE = {"encoder": {"kind": "dense", "widths": [8]}, "decoder": {"kind": "dense", "widths": [8]}}
GAUSSIAN = {"likelihood": {"kind": "gaussian", "variance": "optimal"}}
CONVOLUTION = {
    "encoder": {"kind": "convolution", "channels": [2, 3]},
    "decoder": {"kind": "convolution", "channels": [3, 2]},
}
UNET = {"kind": "unet", "channels": [2, 3]}


def made(*shape: int) -> DataSet:
    values = np.random.default_rng(0).random((160, *shape)).astype(np.float32)
    return checked("made", values, "real", covariates={"age": values.reshape(160, -1).mean(1)})


CASES: dict[str, tuple[dict[str, Any], DataSet | None]] = {
    "images": ({}, None),
    "labels": ({"model": {"condition": {"kind": "labels"}}}, None),
    "points": ({"model": {"posterior": {"kind": "deterministic"}}}, None),
    "grid": ({"model": {"latent": 2, "spatial": True, **CONVOLUTION}}, None),
    "skips": ({"model": {"encoder": UNET, "decoder": UNET | {"channels": [3, 2]}}}, None),
    "volumes": ({"model": {**DENSE, **GAUSSIAN}}, made(1, 4, 5, 6)),
    "streamlines": (
        {
            "data": {"kind": "bundles", "streamlines": 190, "points": 12},
            "transform": {"kind": "standardise", "per": "channel", "scale": "one"},
            "model": GAUSSIAN,
        },
        None,
    ),
    "vectors": ({"model": {**DENSE, **GAUSSIAN}}, made(5)),
    "covariates": (
        {"model": {**DENSE, **GAUSSIAN, "condition": {"kind": "covariates", "names": ["age"]}}},
        made(5),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_every_source_samples_every_kind_of_data(case: str, tmp_path: Path) -> None:
    changes, data = CASES[case]
    recipe = small_recipe(**{**changes, "training": {"batch_size": 40}})
    training.start(recipe, tmp_path / "run", Silent(), data)
    run = load(tmp_path / "run")
    for kind, edits in QUICK.items():
        record = run.fit_prior(kind, set=edits)
        (row,) = [one for one in record["priors"] if one["kind"] == kind]
        assert math.isfinite(row["held_out_nats"])
        assert row["bound"] == (kind == "two-stage")
    assert [one["kind"] for one in record["priors"]] == ["prior", *QUICK]
    for source in ("prior", "aggregate", *QUICK):
        drawn = run.sample(5, seed=3, source=source)
        assert drawn.shape == (5, *run.spec.shape)
        assert np.isfinite(drawn).all()
        again = load(tmp_path / "run").sample(5, seed=3, source=source)
        assert np.array_equal(drawn, again)
        assert not np.array_equal(drawn, run.sample(5, seed=4, source=source))


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Run:
    root = tmp_path_factory.mktemp("told") / "run"
    model = {"condition": {"kind": "labels"}, "likelihood": {"kind": "gaussian", "variance": 0.01}}
    quick = {"epochs": 10, "batch_size": 50}
    training.start(small_recipe(model=model, training=quick), root, Silent())
    return load(root)


def called(*arguments: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert ended.value.code == 0


def test_the_command_fits_and_samples(
    told: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = str(told.folder.root)
    called("fit-prior", root, "--kind", "mixture", "--set", "components=2", "--json")
    record = json.loads(capsys.readouterr().out)
    assert record["best"] == "mixture"
    standard, fitted = record["priors"]
    assert (standard["kind"], fitted["kind"]) == ("prior", "mixture")
    assert fitted["held_out_nats"] > standard["held_out_nats"]
    assert 0 <= fitted["frechet_latent"] < standard["frechet_latent"]
    assert fitted["fitted"]["components"] == [2] * 10
    with np.load(Path(root) / "priors" / "mixture" / "samples.npz") as kept:
        assert kept["samples"].shape == (64, 1, 8, 8)
    out = tmp_path / "threes.npz"
    called("sample", root, "--out", str(out), "--from", "mixture", "--label", "3", "--n", "6")
    with np.load(out) as held:
        assert held["samples"].shape == (6, 1, 8, 8)
        assert np.array_equal(held["samples"], told.sample(6, label=3, source="mixture"))


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["sample", "{run}", "--out", "s.png", "--from", "flow"], "vaestro fit-prior"),
        (["sample", "{run}", "--out", "s.png", "--from", "diffusion"], "vaestro diffuse"),
        (["sample", "{run}", "--out", "s.png", "--from", "flwo"], "flow"),
        (["sample", "{run}", "--out", "s.png", "--guidance", "2"], "diffusion"),
        (["fit-prior", "{run}", "--kind", "flwo"], "flow"),
    ],
)
def test_a_mistake_gets_one_line(
    arguments: list[str],
    names: str,
    told: Run,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main([a.format(run=told.folder.root) for a in arguments])
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert names in line


def test_a_prior_of_an_earlier_model_is_refused(tmp_path: Path) -> None:
    recipe = small_recipe()
    training.start(recipe, tmp_path / "run", Silent())
    run = load(tmp_path / "run")
    run.fit_prior("gaussian")
    assert run.sample(2, source="gaussian").shape == (2, 1, 8, 8)
    longer = recipe.training.model_copy(update={"epochs": 3})
    training.resume(
        tmp_path / "run", lambda stored: stored.model_copy(update={"training": longer}), Silent()
    )
    run = load(tmp_path / "run")
    with pytest.raises(RunFolderError, match="before it was trained on; make it again"):
        run.sample(2, source="gaussian")
    assert [one["kind"] for one in run.fit_prior("mixture", set=("most=2",))["priors"]] == [
        "prior",
        "mixture",
    ]


def test_a_prior_closes_the_gap_between_codes_and_prior(told: Run) -> None:
    """Draws of a fitted prior are nearer to held-out codes than those of N(0, I)."""
    record = told.fit_prior("gaussian")
    standard, *fitted = record["priors"]
    own = next(one for one in fitted if one["kind"] == "gaussian")
    assert own["held_out_nats"] > standard["held_out_nats"] + 2 * standard["standard_error"]
    assert own["frechet_latent"] < 0.7 * standard["frechet_latent"]


def test_latents_on_a_large_grid_are_refused_where_all_relate_to_all(tmp_path: Path) -> None:
    data = made(1, 50, 50)
    model = {"latent": 4, "spatial": True, **CONVOLUTION, **GAUSSIAN}
    training.start(
        small_recipe(model=model, training={"batch_size": 40}), tmp_path / "run", Silent(), data
    )
    run = load(tmp_path / "run")
    assert run.vae.latent > MOST_DIMENSIONS
    with pytest.raises(RecipeError, match="two-stage, or `vaestro diffuse"):
        run.fit_prior("mixture")
    run.fit_prior("two-stage", set=("steps=5", "widths=8", "latent=4", "draws=200"))
    assert run.sample(2, source="two-stage").shape == (2, 1, 50, 50)
