"""From a file of any field to a trained run and back into the field's format."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.conftest import Silent, arrays_in, small_recipe
from tests.conftest import printed as run
from vaestro.cli.main import main
from vaestro.data.arrays import from_array
from vaestro.data.dataset import checked
from vaestro.data.streamlines.streamline_files import read_tractogram
from vaestro.data.volumes.volume_files import read_volume
from vaestro.experiments import train as training
from vaestro.experiments.assemble import assemble
from vaestro.experiments.face import train
from vaestro.experiments.material import prepare
from vaestro.experiments.recipe import apply, read_recipe
from vaestro.experiments.requested_recipe import chosen
from vaestro.experiments.run import load
from vaestro.foundation.errors import DataError, RecipeError, UserError
from vaestro.foundation.samples import Frame, SampleSpec
from vaestro.training.plan import choose

RANDOM = np.random.default_rng(0)
TINY = ["training.epochs=1", "training.batch_size=8", "training.threads=1"]
SMALL_NETWORKS = ["model.encoder.channels=4", "model.decoder.channels=4", "model.latent=3"]
LINES = [np.cumsum(RANDOM.normal(size=(n, 3)), 0) + 50 for n in RANDOM.integers(5, 40, 40)]


def sets(*assignments: str) -> list[str]:
    return [word for one in assignments for word in ("--set", one)]


@pytest.mark.parametrize("command", ["train", "forecast"])
def test_edits_of_the_data_tell_how_the_file_is_looked_at(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is advised for an ambiguous file does without a recipe's name."""
    np.savez(tmp_path / "two.npz", x=RANDOM.random((50, 4)), y=RANDOM.random((50, 3, 8, 8)))
    rows = [f"{a},{b},someone" for a, b in RANDOM.random((50, 2))]
    (tmp_path / "text.csv").write_text("\n".join(["a,b,who", *rows]))
    more = ["--run", str(tmp_path / "r"), *sets(*TINY)] if command == "train" else []
    with pytest.raises(SystemExit):
        main([command, "--data", str(tmp_path / "two.npz"), *more])
    assert "say which with --set data.key=NAME" in capsys.readouterr().err
    run(capsys, command, "--data", str(tmp_path / "two.npz"), *more, "--set", "data.key=x")
    more = [str(tmp_path / "s") if word == str(tmp_path / "r") else word for word in more]
    run(capsys, command, "--data", str(tmp_path / "text.csv"), *more, *sets("data.columns=[a,b]"))


def test_the_recipe_fits_what_the_edits_choose(tmp_path: Path) -> None:
    path = tmp_path / "two.npz"
    np.savez(path, x=RANDOM.random((50, 4)), y=RANDOM.random((50, 3, 8, 8)))
    assert chosen(None, path, ["data.key=x"]) == chosen("vectors", path, ["data.key=x"])
    assert chosen(None, path, ["data.key=y"]) == chosen("images", path, ["data.key=y"])
    for edit, says in {
        "data.kye=x": "unknown field data.kye",
        "data.key": "not of the form",
    }.items():
        with pytest.raises(RecipeError, match=says):
            chosen(None, path, [edit])


def test_a_path_alone_changes_the_source(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", RANDOM.random((20, 6)))
    path = str(tmp_path / "a.npy")
    changed = apply(read_recipe("digits"), [f"data.path={path}"])
    assert changed.data.kind == "arrays"
    keyed = apply(read_recipe("digits"), [f"data.path={path}", "data.values=real"])
    assert keyed.data.plain()["values"] == "real"
    kept = apply(changed, [f"data.path={path}", "data.key=x"])
    assert kept.data.plain()["key"] == "x"
    asked = apply(read_recipe("digits"), ["data.kind=idx", f"data.path={path}"])
    assert asked.data.kind == "idx"
    with pytest.raises(RecipeError, match=r"unknown field data\.path"):
        apply(read_recipe("digits"), ["data.path=/no/such/file"])


@pytest.mark.parametrize(
    ("domain", "shape"),
    [
        ("vectors", (40, 6)),
        ("images", (40, 1, 9, 11)),
        ("streamlines", (40, 3, 12)),
        ("volumes", (40, 1, 7, 8, 9)),
    ],
)
def test_every_domain_trains_from_a_path_alone(
    domain: str, shape: tuple[int, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "mine.npy", RANDOM.normal(size=shape).astype(np.float32))
    small = SMALL_NETWORKS if domain != "vectors" else ["model.latent=3"]
    record = run(
        capsys,
        "train",
        "--data",
        str(tmp_path / "mine.npy"),
        "--run",
        str(tmp_path / "run"),
        *sets(*TINY, *small),
    )
    assert record["status"] == "finished"
    loaded = load(tmp_path / "run")
    assert loaded.recipe.name == domain
    assert loaded.spec.shape == shape[1:]
    assert np.isfinite(loaded.sample(5)).all()


def test_streamlines_there_and_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """file -> resampled -> model space -> file, and a run that writes tractograms."""
    from vaestro.data.streamlines.streamline_files import write_tractogram

    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = (-90, -126, -72)
    write_tractogram(tmp_path / "in.trk", LINES, Frame.of(affine, (91, 109, 91)), None)
    folder = tmp_path / "run"
    run(
        capsys,
        *("train", "streamlines", "--data", str(tmp_path / "in.trk"), "--run", str(folder)),
        *sets(*TINY, *SMALL_NETWORKS, "data.points=16"),
    )
    recipe = load(folder).recipe
    material = prepare(recipe, choose(recipe.training))
    batch = next(iter(material.samples["train"].in_order(100)))
    back = material.transform.invert(batch.x)
    assert (back - batch.truth).abs().max() < 1e-4
    assert torch.equal(batch.truth, torch.from_numpy(material.data.natural(batch.indices.numpy())))
    for ending in (".trk", ".tck", ".trx"):
        out = tmp_path / f"out{ending}"
        run(capsys, "reconstruct", str(folder), "--out", str(out), "--split", "train", "--n", "5")
        read = read_tractogram(out)
        assert len(read.lines) == 10
        originals = np.stack([np.asarray(line) for line in read.lines])[::2]
        np.testing.assert_allclose(
            originals.transpose(0, 2, 1), batch.truth[:5].numpy(), atol=1e-4, rtol=0
        )
    np.testing.assert_allclose(
        read_tractogram(tmp_path / "out.trk").frame.matrix,
        affine,  # type: ignore[union-attr]
    )
    run(capsys, "encode", str(folder), "--out", str(tmp_path / "z.npz"))
    latents = arrays_in(tmp_path / "z.npz")
    assert latents["covariate_length"].shape == (len(latents["mean"]),)
    encoded = run(
        capsys,
        *("encode", str(folder), "--data", str(tmp_path / "in.trk")),
        *("--out", str(tmp_path / "all.npz")),
    )
    assert encoded["n"] == 40


def test_volumes_there_and_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = small_recipe(
        data={"kind": "molecules", "size": 6, "samples": 60, "molecules": 12},
        model={"likelihood": {"kind": "gaussian"}},
        training={"batch_size": 20},
    )
    training.start(recipe, tmp_path / "run", Silent())
    for ending in (".mrc", ".nii.gz", ".npy", ".png"):
        out = tmp_path / f"x{ending}"
        run(capsys, "sample", str(tmp_path / "run"), "--out", str(out), "--n", "3")
        assert out.stat().st_size > 100
    volumes = np.load(tmp_path / "x.npy")
    assert volumes.shape == (3, 4, 6, 6, 6)
    for ending in (".mrc", ".nii.gz"):
        read = read_volume(tmp_path / f"x{ending}")
        np.testing.assert_allclose(
            read.values.reshape(volumes.shape), volumes, rtol=1e-5, atol=1e-6
        )
        np.testing.assert_allclose(
            sorted(read.frame.voxel_sizes), [1.0 if ending == ".mrc" else 1e-7] * 3, rtol=1e-5
        )


def test_a_model_refuses_samples_of_another_field(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    training.start(small_recipe(), tmp_path / "run", Silent())
    np.save(tmp_path / "x.npy", RANDOM.random((4, 5, 5)))
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", str(tmp_path / "run"), "--data", str(tmp_path / "x.npy")])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "(5, 5)" in said
    assert "(1, 8, 8)" in said


def test_python_holds_lines_frames_and_covariates(tmp_path: Path) -> None:
    one = train(data=LINES, run=tmp_path / "lines", set=[*TINY, *SMALL_NETWORKS], report=False)
    assert one.recipe.name == "streamlines"
    assert one.spec.shape == (3, 256)
    assert "length" in one.material.data.covariates
    x, age = RANDOM.normal(size=(40, 5)), RANDOM.random(40)
    two = train(
        data=x, labels=["a", "b"] * 20, covariates={"age": age}, run=tmp_path / "x", set=TINY
    )
    assert two.recipe.name == "vectors"
    assert two.spec.label_names == ("a", "b")
    np.testing.assert_allclose(two.material.data.covariates["age"], age, rtol=1e-6)
    np.testing.assert_allclose(two.material.data.natural(slice(None)), x, rtol=1e-5)
    np.save(tmp_path / "x.npy", x)
    three = train(data=tmp_path / "x.npy", run=tmp_path / "path", set=TINY, report=False)
    assert three.recipe.name == "vectors"
    for more in ({"labels": [1]}, {"covariates": {"age": age}}):
        with pytest.raises(DataError, match="without data"):
            train(data=tmp_path / "x.npy", run=tmp_path / "no", **more)
    assert not (tmp_path / "no").exists()


def test_lines_of_several_lengths_are_encoded_as_they_were_trained_on(tmp_path: Path) -> None:
    edits = [*TINY, *SMALL_NETWORKS]
    trained = train("streamlines", data=LINES, run=tmp_path / "r", set=edits, report=False)
    known = trained.material.data.natural(slice(None))
    assert trained.encode(x=LINES).mean.equal(trained.encode(x=known).mean)
    originals, copies = trained.reconstruct(x=LINES)
    np.testing.assert_array_equal(originals, known)
    assert copies.shape == known.shape
    with pytest.raises(DataError, match=r"1 with one point.*so that each has its row"):
        trained.encode(x=[*LINES, np.zeros((1, 3))])


def test_a_covariate_with_missing_values_is_refused() -> None:
    age = RANDOM.random(6)
    age[3] = np.nan
    with pytest.raises(DataError, match=r"covariate age misses 1 of 6 values, the first at sample"):
        from_array(RANDOM.random((6, 2)), covariates={"age": age})
    with pytest.raises(DataError, match=r"covariate age of shape \(5,\)"):
        checked("x", RANDOM.random((6, 2)), "real", covariates={"age": age[:5]})


def test_pca_losses_in_both_spaces(tmp_path: Path) -> None:
    recipe = small_recipe(
        transform={"kind": "pca", "components": 20},
        model={"likelihood": {"kind": "gaussian", "variance": {"kind": "optimal"}}},
        training={"epochs": 30},
    )
    summary = training.start(recipe, tmp_path / "run", Silent())
    figures = summary["validation"]
    parts = assemble(recipe, choose(recipe.training))
    transform = parts.material.transform
    facts = json.loads((tmp_path / "run" / "manifest.json").read_text())["transform"]
    assert facts["components"] == 20
    assert parts.material.spec.shape == (20,)
    # the error in pixels is that of the components plus the dropped ones, but for the clipping
    lost = sum(
        float((b.truth - transform.invert(b.x)).square().sum())
        for b in parts.material.batches("validation")()
    ) / len(parts.material.split.validation)
    pixels, inside = figures["mse"] * 64, figures["model_space_mse"] * 20
    assert 0.8 * (inside + lost) < pixels <= 1.02 * (inside + lost)
    loaded = load(tmp_path / "run")
    again = loaded.evaluate("validation", samples=4)
    assert again["mse"] == pytest.approx(figures["mse"], rel=1e-4)
    assert again["data_term"] == pytest.approx(figures["data_term"], abs=0.5)
    assert loaded.sample(3).shape == (3, 1, 8, 8)
    assert loaded.sample(3).min() >= 0


def test_more_components_than_samples(tmp_path: Path) -> None:
    recipe = small_recipe(
        transform={"kind": "pca", "components": 65}, model={"likelihood": {"kind": "gaussian"}}
    )
    with pytest.raises(UserError, match=r"65.* 64"):
        training.start(recipe, tmp_path / "run", Silent())
    assert not (tmp_path / "run").exists()


def test_data_show_writes_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from PIL import Image

    for name, size in (("digits", (466, 466)), ("bundles", (1088, 360))):
        record = run(capsys, "data", "show", name, "--out", str(tmp_path / f"{name}.png"))
        assert record["train"].startswith("vaestro train")
        with Image.open(tmp_path / f"{name}.png") as picture:
            assert picture.size == size


def test_spec_survives_json() -> None:
    frame = Frame.of(np.eye(4), (2, 3, 4), "angstrom")
    spec = SampleSpec((3, 9), "real", names=("x", "y", "z"), label_names=("a",), frame=frame)
    assert SampleSpec.from_plain(json.loads(json.dumps(spec.plain()))) == spec
    assert frame.voxel_sizes == (1.0, 1.0, 1.0)
