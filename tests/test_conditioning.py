"""The measured conditioning effect: judges against scikit-learn, and models told in every place."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from sklearn.datasets import load_digits
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score

from tests.conftest import Silent, small_recipe
from vaestro.cli.main import main
from vaestro.data.arrays import from_array
from vaestro.evaluation import conditioning as measured
from vaestro.evaluation import judge
from vaestro.evaluation.agreement import monotone, r_squared
from vaestro.evaluation.judge import PENALTIES, View, evenly
from vaestro.experiments import train as training
from vaestro.experiments.run import Run, load
from vaestro.foundation.samples import Given
from vaestro.models.vae import VAE
from vaestro.reports import tables
from vaestro.reports.advice import verdict
from vaestro.reports.conditioning import effect_lines, effect_rows, ignored
from vaestro.reports.facts import read_facts
from vaestro.reports.page import write_report

DENSE = {"kind": "dense", "widths": [64]}
PREDICTED = {"predictor": {"covariate": "length", "hidden": [16]}}
LENGTH = {"kind": "covariates", "names": ["length"], "into": "decoder"}
COARSE = {"likelihood": {"kind": "gaussian", "variance": 0.3}}
Trained = Callable[..., Run]


@pytest.fixture(scope="module", autouse=True)
def few_centres() -> Iterator[None]:
    """A third of the centres: seconds fewer, and enough for these data."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge, "CENTRES", 400)
        yield


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Digit models told their labels in a given place, each trained once."""
    made: dict[str, Run] = {}

    def trained(into: str) -> Run:
        if into not in made:
            root = tmp_path_factory.mktemp("digits") / "run"
            condition = {"kind": "none"} if into == "none" else {"kind": "labels", "into": into}
            recipe = small_recipe(
                model={"latent": 8, "encoder": DENSE, "decoder": DENSE, "condition": condition},
                training={"epochs": 20, "batch_size": 64, "learning_rate": 4e-3},
            )
            training.start(recipe, root, Silent())
            made[into] = load(root)
        return made[into]

    return trained


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Streamline models with given parts, each trained once."""
    made: dict[str, Run] = {}

    def trained(epochs: int = 60, **model: Any) -> Run:
        name = json.dumps(model)
        if name not in made:
            root = tmp_path_factory.mktemp("bundles") / "run"
            recipe = small_recipe(
                data={"kind": "bundles", "streamlines": 600, "points": 16},
                transform={"kind": "standardise", "per": "channel", "scale": "one"},
                model={
                    "encoder": DENSE,
                    "decoder": DENSE,
                    "likelihood": {"kind": "gaussian", "variance": {"kind": "optimal"}},
                }
                | model,
                training={"epochs": epochs, "batch_size": 32, "learning_rate": 3e-3},
            )
            training.start(recipe, root, Silent())
            made[name] = load(root)
        return made[name]

    return trained


def effect(run: Run, split: str = "test", **more: Any) -> dict[str, Any]:
    found = run.evaluate(split, samples=1, **more)["conditioning"]
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module")
def found_of_digits(digits: Trained) -> dict[str, dict[str, Any]]:
    return {into: effect(digits(into)) for into in ("encoder", "decoder", "both")}


def test_the_judge_is_scikit_learns_ridge_on_its_kernel() -> None:
    x = torch.from_numpy(load_digits().data[:300, 8:40]) / 16
    y = torch.nn.functional.one_hot(torch.from_numpy(load_digits().target[:300])).double()
    view = View(x[:200])
    judged = view.judge(y[:200])
    nystroem = Nystroem(gamma=1 / view.width, n_components=200, random_state=0)
    ridge = RidgeCV(alphas=PENALTIES).fit(nystroem.fit_transform(x[:200].numpy()), y[:200])
    assert ridge.alpha_ == judged.penalty
    expected = ridge.predict(nystroem.transform(x.numpy()))
    np.testing.assert_allclose(judged(x).numpy(), expected, atol=1e-5)


def test_figures_are_those_of_scikit_learn_and_scipy() -> None:
    random = torch.Generator().manual_seed(0)
    true = torch.randn(50, generator=random)
    said = true + torch.randn(50, generator=random)
    assert r_squared(true, said) == pytest.approx(r2_score(true, said))
    tied = (true * 2).round()
    assert monotone(tied, said) == pytest.approx(spearmanr(tied, said).statistic)
    assert r_squared(torch.ones(4), torch.zeros(4)) is None
    assert r_squared(true, true * float("nan")) is None
    assert monotone(true, torch.ones(50)) is None
    assert monotone(true, true * float("inf")) is None


def test_judges_bear_rows_that_teach_nothing() -> None:
    for x in (torch.zeros(1, 3), torch.ones(7, 100), torch.zeros(2, 1, 9, 9)):
        judged = View(x, own_units=True).judge(torch.arange(len(x))[:, None])
        mean = torch.full((len(x), 1), (len(x) - 1) / 2, dtype=torch.float64)
        torch.testing.assert_close(judged(x), mean)


def test_columns_in_units_of_their_own() -> None:
    """A column a million times larger hides what the other shows, unless both are scaled."""
    x = torch.randn(400, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    told, x = x[:, 0].clone(), x * torch.tensor([1.0, 1e6])
    scores = []
    for own_units in (True, False):
        judged = View(x[:300], own_units).judge(told[:300, None])
        scores.append(r_squared(told[300:], judged(x[300:])[:, 0]))
    assert scores[0] == pytest.approx(1, abs=0.01)
    assert scores[1] is not None and scores[1] < 0.5


def test_evenly_spread_rows() -> None:
    assert evenly(9, 3).tolist() == [0, 4, 8]
    assert evenly(2, 5).tolist() == [0, 1]
    assert evenly(1, 5).tolist() == [0]


def test_samples_carry_a_label_that_the_decoder_is_told(
    found_of_digits: dict[str, dict[str, Any]],
) -> None:
    found = {into: effect["labels"] for into, effect in found_of_digits.items()}
    for labels in found.values():
        assert labels["judge_accuracy"] > 0.95
        assert labels["sample_chance"] == pytest.approx(0.1)
        assert labels["samples"] == 1000
    assert found["encoder"]["sample_accuracy"] < 0.3
    assert min(found[into]["sample_accuracy"] for into in ("decoder", "both")) > 0.8
    for into in ("decoder", "both"):
        assert found[into]["latent_leak"] < found["encoder"]["latent_leak"] - 0.2
        assert found[into]["latent_leak"] > found[into]["chance"] - 0.1


def test_chance_is_the_share_of_the_commonest_label(
    digits: Trained, found_of_digits: dict[str, dict[str, Any]]
) -> None:
    run = digits("both")
    chosen = run.material.split.of("test")
    counts = np.bincount(run.material.data.labels[chosen])
    found = found_of_digits["both"]
    assert found["of"] == ["labels"]
    assert found["covariates"] == {}
    assert found["labels"]["chance"] == pytest.approx(counts.max() / counts.sum())


def test_the_same_figures_again_and_others_by_another_seed(bundles: Trained) -> None:
    run = bundles(condition=LENGTH | {"labels": True}, **COARSE)
    first = effect(run)
    assert effect(run) == first
    other = effect(run, seed=1)
    one, another = (found["covariates"]["length"] for found in (first, other))
    assert one["covariate_r2"] != another["covariate_r2"]
    assert one["judge_r2"] == another["judge_r2"]
    assert other["labels"]["judge_accuracy"] == first["labels"]["judge_accuracy"]


def test_of_the_training_split_a_fifth_is_held_out(digits: Trained) -> None:
    accuracy = effect(digits("both"), "train")["labels"]["judge_accuracy"]
    assert 0.95 < accuracy < 1


def test_nothing_to_measure(digits: Trained, tmp_path: Path) -> None:
    assert digits("none").evaluate(samples=1)["conditioning"] is None
    assert digits("both").evaluate(samples=1, conditioning=False)["conditioning"] is None
    assert effect_lines({"conditioning": None}) == ignored({}, {}) == []


def test_a_label_missing_among_the_held_out(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(80, 5)).astype(np.float32)
    labels = np.array([0, 1] * 30 + [2] + [1] * 19)
    x[:, 0] += 9 * labels
    recipe = small_recipe(
        split={"validation": 0.1, "test": 0.1, "seed": 3},
        model={"likelihood": {"kind": "gaussian"}, "condition": {"kind": "labels"}},
        training={"batch_size": 20},
    )
    training.start(recipe, tmp_path / "r", Silent(), from_array(x, labels))
    run = load(tmp_path / "r")
    held = [batch.label for batch in run.batches("test")()]
    assert 2 not in torch.cat([label for label in held if label is not None])
    found = effect(run)["labels"]
    assert found["sample_chance"] == pytest.approx(1 / 3)
    assert 0 <= found["sample_accuracy"] <= 1
    assert found["judge_accuracy"] > 0.8


def test_samples_carry_a_length_that_the_decoder_is_told(bundles: Trained) -> None:
    """Of a bundle that is told as well, so that z has little left to say."""
    found = effect(bundles(condition=LENGTH | {"labels": True}, **COARSE))
    length = found["covariates"]["length"]
    assert found["of"] == ["labels", "length"]
    assert found["labels"]["sample_accuracy"] > 0.95
    assert length["judge_r2"] > 0.99
    assert length["covariate_r2"] > 0.9
    assert length["monotone"] > 0.98
    assert length["predictor_r2"] is None


def test_the_judge_measures_lengths_that_the_points_have(
    bundles: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[tuple[torch.Tensor, torch.Tensor]] = []

    def spy(vae: VAE, given: Given, seed: int) -> torch.Tensor:
        x = drawn(vae, given, seed)
        assert given.covariates is not None
        kept.append((x, given.covariates[:, 0]))
        return x

    drawn = measured._drawn
    monkeypatch.setattr(measured, "_drawn", spy)
    found = effect(bundles(condition=LENGTH | {"labels": True}, **COARSE))
    x, asked = kept[-1]
    lengths = x.diff(dim=2).norm(dim=1).sum(1)
    assert found["covariates"]["length"]["covariate_r2"] == pytest.approx(
        r2_score(asked, lengths), abs=0.05
    )


def test_a_length_that_the_encoder_alone_is_told(bundles: Trained) -> None:
    told, untold = (
        effect(bundles(condition=LENGTH | {"into": into}, **COARSE))["covariates"]["length"]
        for into in ("decoder", "encoder")
    )
    assert told["covariate_r2"] > 0.4 and told["monotone"] > 0.95
    assert untold["covariate_r2"] < 0.1 and untold["monotone"] < 0.6
    assert told["latent_leak_r2"] > 0.8  # bundles differ in length, and z knows the bundle


def test_a_prior_that_regresses_on_length(bundles: Trained) -> None:
    prior = {"kind": "regression", "covariate": "length", "form": "curve"}
    length = effect(bundles(120, prior=prior, **COARSE))["covariates"]["length"]
    assert length["monotone"] > 0.9
    assert length["covariate_r2"] > 0.4
    assert length["latent_leak_r2"] > 0.9


def test_a_length_that_is_predicted_alone(bundles: Trained) -> None:
    run = bundles(**PREDICTED)
    length = effect(run)["covariates"]["length"]
    assert length["covariate_r2"] is None and length["monotone"] is None
    assert length["samples"] == 0
    batch = next(iter(run.batches("test")()))
    assert batch.covariates is not None
    with torch.inference_mode():
        said = run.vae.predict(batch.x, batch.given)[0]
    true = batch.covariates[:, 0]
    assert length["predictor_r2"] == pytest.approx(r2_score(true, said), abs=1e-5)
    assert length["predictor_mse"] == pytest.approx(float((true - said).square().mean()), rel=1e-4)
    assert length["predictor_r2"] > 0.9


def test_prose_and_advice(digits: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    root = str(digits("encoder").folder.root)
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["evaluate", root, "--samples", "1"])
    said = capsys.readouterr().out
    assert "Samples with the label asked for" in said
    assert "train with --set model.condition.into=both." in said
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["evaluate", root, "--samples", "1", "--no-conditioning", "--json"])
    assert json.loads(capsys.readouterr().out)["conditioning"] is None


def test_the_report_shows_the_effect(digits: Trained) -> None:
    run = digits("encoder")
    run.keep_evaluation(run.evaluate(samples=1))
    facts = read_facts(run.folder.root)
    rows = {row.label: row.values for row in tables.table(facts)}
    values = rows["Samples with the label asked for"]
    assert len(values) == len(tables.splits(facts)) and "chance 0.10" in values[-1]
    assert "the decoder is not told it" in verdict(facts).advice
    page = write_report(run.folder.root).read_text(encoding="utf-8")
    assert "Labels read from z" in page and 'id="g-judge"' in page


def test_advice_is_given_where_a_judge_can_tell() -> None:
    labels = {"sample_accuracy": 0.1, "sample_chance": 0.1, "judge_accuracy": 0.97}
    record: dict[str, Any] = {"conditioning": {"labels": labels, "covariates": {}}}
    recipe = {"model": {"condition": {"into": "both"}}}
    assert "train longer" in ignored(record, recipe)[0]
    record["conditioning"]["labels"] = labels | {"judge_accuracy": 0.2}
    assert ignored(record, recipe) == []
    figures = {"covariate_r2": 0.05, "judge_r2": 0.9, "monotone": None}
    record["conditioning"] = {"labels": None, "covariates": {"age": figures}}
    assert ignored(record, recipe)[0].startswith("Samples do not carry age:")
    assert [row[0] for row in effect_rows(record)] == [
        "age in samples, against what was asked for",
        "age in real samples (the ceiling)",
    ]
