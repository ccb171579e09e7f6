"""Conditional models: what is told where, what is drawn when nothing is asked, what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.conftest import Silent, small_recipe
from tests.test_resume import assert_same_run, train_killed, train_straight, unchanged
from vaestro.cli.main import main
from vaestro.data.dataset import checked
from vaestro.experiments import train as training
from vaestro.experiments.assemble import assemble
from vaestro.experiments.run import Run, load
from vaestro.foundation.errors import DataError, RecipeError
from vaestro.foundation.samples import NOTHING, Given, SampleSpec
from vaestro.models.condition import Condition, CovariatesConfig, LabelsConfig
from vaestro.networks.body import Conditioning
from vaestro.training.plan import choose

CONVOLUTION = {"encoder": {"kind": "convolution", "channels": [4, 8]}}
CONVOLUTION |= {"decoder": {"kind": "convolution", "channels": [8, 4]}}
UNET = {"kind": "unet", "channels": [4, 8]}
BUNDLES: dict[str, Any] = {
    "data": {"kind": "bundles", "streamlines": 190, "points": 16},
    "transform": {"kind": "standardise", "per": "channel", "scale": "one"},
    "training": {"batch_size": 20},
}
GAUSSIAN = {"kind": "gaussian", "variance": {"kind": "optimal"}}
LENGTH = {"kind": "covariates", "names": ["length"]}
CASES: list[dict[str, Any]] = [
    {"model": {"condition": {"kind": "labels"}}},
    {"model": {"condition": {"kind": "labels", "into": "encoder"}}},
    {"model": {"condition": {"kind": "labels", "into": "neither"}}},
    {"model": {"condition": {"kind": "labels", "how": "film"}}},
    {"model": {"condition": {"kind": "labels", "encoding": {"kind": "embedding", "width": 3}}}},
    {"model": {"condition": {"kind": "labels"}, "latent": 2, "spatial": True, **CONVOLUTION}},
    {"model": {"condition": {"kind": "labels", "how": "film"}, **CONVOLUTION}},
    {"model": {"posterior": {"hidden": [6]}}},
    {"model": {"prior": {"kind": "mixture", "components": 3}}},
    {"objective": {"kind": "iwae", "samples": 3}},
    {"model": {"encoder": UNET, "decoder": UNET | {"channels": [8, 4]}}},
    BUNDLES | {"model": {"likelihood": GAUSSIAN, "condition": LENGTH}},
    BUNDLES
    | {
        "model": {
            "likelihood": GAUSSIAN,
            "condition": LENGTH
            | {"encoding": {"kind": "embedding", "width": 5}, "into": "decoder"},
            "prior": {"kind": "regression", "covariate": "straightness"},
            "predictor": {"covariate": "centroid_x", "hidden": [5]},
        }
    },
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: json.dumps(case)[:70])
def test_every_kind_resumes_exactly_and_loads(
    case: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = case | {"training": case.get("training", {}) | {"checkpoint_steps": 4}}
    recipe = small_recipe(**fields)
    train_straight(recipe, tmp_path / "straight")
    train_killed(recipe, tmp_path / "killed", 9, monkeypatch)
    training.resume(tmp_path / "killed", unchanged, Silent())
    assert_same_run(tmp_path / "straight", tmp_path / "killed")
    run = load(tmp_path / "straight")
    one, other = run.sample(5, seed=1), run.sample(5, seed=1)
    np.testing.assert_array_equal(one, other)
    record = run.evaluate("test", samples=2)
    assert record["elbo"] <= -record["nll"] + 1e-6
    assert np.isfinite(record["mutual_information"])


def spec(**more: Any) -> SampleSpec:
    return SampleSpec((4,), "real", **more)


def test_a_label_is_one_hot_and_repeated() -> None:
    config = LabelsConfig.parse({"encoding": {"kind": "one-hot", "repeat": 2}})
    condition = Condition(config, spec(label_count=3))
    told = condition(Given(torch.tensor([2, 0])))
    assert told.tolist() == [[0, 0, 0, 0, 1, 1], [1, 1, 0, 0, 0, 0]]
    assert condition.width == 6


def test_numbers_are_standardised() -> None:
    condition = Condition(CovariatesConfig(names=("a", "b")), spec(covariate_names=("a", "b")))
    assert condition.standard is not None
    values = torch.tensor([[1.0, 7.0], [3.0, 7.0]])
    condition.standard.fit(values)
    extra = torch.cat([values, torch.full((2, 1), 9.0)], 1)  # the prior's column comes behind
    torch.testing.assert_close(
        condition(Given(None, extra)), torch.tensor([[-1.0, 0.0], [1.0, 0.0]])
    )


def test_where_a_condition_enters() -> None:
    for into, told in (("encoder", (3, 0)), ("decoder", (0, 3)), ("both", (3, 3))):
        condition = Condition(LabelsConfig(into=into), spec(label_count=3))
        assert tuple(condition.entering(s).width for s in ("encoder", "decoder")) == told
    film = Condition(LabelsConfig(how="film"), spec(label_count=3)).entering("decoder")
    assert (film.joined, film.filmed) == (0, 3)


def test_joining_a_grid_repeats_the_condition_at_every_place() -> None:
    x, c = torch.randn(2, 3, 4, 5), torch.randn(2, 6)
    joined = Conditioning(6).join(x, c)
    assert joined.shape == (2, 9, 4, 5)
    assert torch.equal(joined[:, 3:, 2, 1], c)
    assert torch.equal(joined[:, :3], x)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """Digits told their label, bundles told their length."""
    folder = tmp_path_factory.mktemp("runs")
    labels = small_recipe(
        model={
            "condition": {"kind": "labels"},
            "encoder": {"widths": [64]},
            "decoder": {"widths": [64]},
        },
        training={"epochs": 40, "batch_size": 64},
    )
    lengths = small_recipe(
        **BUNDLES | {"model": {"likelihood": GAUSSIAN, "condition": LENGTH | {"into": "decoder"}}}
    )
    found = {}
    for name, recipe in (("labels", labels), ("lengths", lengths)):
        training.start(recipe, folder / name, Silent())
        found[name] = load(folder / name)
    return found


def test_a_label_that_is_asked_for_is_given(runs: dict[str, Run]) -> None:
    run = runs["labels"]
    data = run.material.data
    assert data.labels is not None
    means = np.stack([data.natural(data.labels == k).mean(0).ravel() for k in range(10)])
    right = 0
    for label in range(10):
        x = run.sample(20, label=label).reshape(20, -1)
        nearest = ((x[:, None] - means[None]) ** 2).sum(2).argmin(1)
        right += int((nearest == label).sum())
    assert right > 120  # of 200; chance is 20


def test_without_asking_conditions_are_those_of_the_training_data(runs: dict[str, Run]) -> None:
    run = runs["labels"]
    assert run.vae.memory is not None
    drawn = run.vae.memory.draw(5000, torch.Generator().manual_seed(0))
    assert drawn.label is not None
    data = run.material.data
    assert data.labels is not None
    true = np.bincount(data.labels[run.material.split.train], minlength=10)
    counts = np.bincount(drawn.label.numpy(), minlength=10)
    np.testing.assert_allclose(counts / 5000, true / true.sum(), atol=0.03)
    lengths = runs["lengths"]
    assert lengths.vae.memory is not None
    some = lengths.vae.memory.draw(500, torch.Generator().manual_seed(0)).covariates
    assert some is not None
    known = lengths.covariates("train")["length"]
    assert known.min() <= some.min() <= some.max() <= known.max()


def test_asking_changes_the_samples(runs: dict[str, Run]) -> None:
    for name, asked in (
        ("labels", ({"label": 3}, {"label": 4})),
        ("lengths", ({"covariates": {"length": 60}}, {"covariates": {"length": 200}})),
    ):
        one, other = (runs[name].sample(4, seed=5, **more) for more in asked)
        assert not np.array_equal(one, other)


MISTAKES: list[tuple[str, dict[str, Any], str]] = [
    ("labels", {"label": 10}, "legal: 0 to 9"),
    ("labels", {"label": "three"}, "knows no such label"),
    ("labels", {"covariates": {"length": 3}}, "it is told labels"),
    ("lengths", {"label": 1}, "told length"),
    ("lengths", {"covariates": {"lenght": 3}}, "did you mean length"),
]


@pytest.mark.parametrize(("name", "asked", "message"), MISTAKES)
def test_asking_for_what_is_not_there(
    name: str, asked: dict[str, Any], message: str, runs: dict[str, Run]
) -> None:
    with pytest.raises(DataError, match=message):
        runs[name].sample(2, **asked)


def test_asking_on_the_command_line(
    runs: dict[str, Run], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, words in (
        ("labels", ["--label", "7"]),
        ("lengths", ["--covariate", "120"]),
        ("lengths", ["--covariate", "length=120"]),
    ):
        out = tmp_path / f"{len(words[1])}.npy"
        folder = str(runs[name].folder.root)
        with pytest.raises(SystemExit) as ended:
            main(["sample", folder, "--out", str(out), "--n", "3", *words, "--json"])
        assert ended.value.code == 0, capsys.readouterr().err
        assert len(np.load(out)) == 3
    with pytest.raises(SystemExit) as ended:
        main(["sample", str(runs["lengths"].folder.root), "--out", str(out), "--covariate", "long"])
    assert ended.value.code == 2
    assert "no finite number" in capsys.readouterr().err


def test_a_condition_on_data_without_it() -> None:
    for model, message in (
        ({"condition": LENGTH}, r"reads the covariate 'length', and the data have no covariates"),
        ({"prior": {"kind": "regression", "covariate": "age"}}, "have no covariates"),
    ):
        recipe = small_recipe(model=model)
        with pytest.raises(RecipeError, match=message):
            assemble(recipe, choose(recipe.training))
    data = checked("plain", np.random.default_rng(0).random((300, 4)), "real")
    recipe = small_recipe(model={"condition": {"kind": "labels"}, "likelihood": GAUSSIAN})
    with pytest.raises(RecipeError, match="needs labelled data"):
        assemble(recipe, choose(recipe.training), data)


def test_a_label_unseen_in_training() -> None:
    labels = np.zeros(400, dtype=np.int64)
    labels[7] = 1
    data = checked(
        "rare",
        np.random.default_rng(0).random((400, 4)),
        "real",
        labels=labels,
        label_names=("common", "rare"),
        official_test=np.arange(10),
    )
    recipe = small_recipe(
        model={"condition": {"kind": "labels"}, "likelihood": GAUSSIAN}, split={"test": "official"}
    )
    with pytest.raises(DataError, match="label rare is in the data and in no training sample"):
        assemble(recipe, choose(recipe.training), data)


def test_new_data_of_a_conditional_model_need_their_condition(runs: dict[str, Run]) -> None:
    x = runs["labels"].material.data.natural(slice(3))
    with pytest.raises(RecipeError, match="conditioned on labels and none were given"):
        runs["labels"].encode(x=x)
    with pytest.raises(RecipeError, match="predicts no covariate"):
        runs["labels"].vae.predict(torch.zeros(1, 1, 8, 8), NOTHING)


def test_impossible_models_are_refused_when_the_recipe_is_read() -> None:
    for change, message in (
        ({"model": {"spatial": True}}, "this encoder has none"),
        (
            {"model": {"condition": {"kind": "labels", "how": "film"}, "encoder": {"widths": []}}},
            "acts on hidden layers",
        ),
        ({"model": {"encoder": UNET, "decoder": CONVOLUTION["decoder"]}}, "takes none"),
        ({"model": {"prior": "mixture", "posterior": "deterministic"}}, "needs a posterior"),
        ({"objective": {"kind": "iwae", "beta": 2}}, "only with beta=1"),
    ):
        with pytest.raises(RecipeError, match=message):
            recipe = small_recipe(**change)
            assemble(recipe, choose(recipe.training))
