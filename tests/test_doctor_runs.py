"""`vaestro doctor` at our own runs: what went wrong, and edits that its recipe takes."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Silent, small_recipe
from vaestro.cli.main import main
from vaestro.experiments.diagnosis.doctor import diagnose_run
from vaestro.experiments.recipe import apply, read_recipe
from vaestro.experiments.train import start
from vaestro.foundation.errors import DivergedError, RunFolderError

NETWORKS: dict[str, Any] = {
    "latent": 6,
    "encoder": {"widths": [48]},
    "decoder": {"widths": [48]},
}


def run_of(root: Path, epochs: int = 25, **changes: Any) -> Path:
    model = {**NETWORKS, **changes.pop("model", {})}
    training = {"epochs": epochs, "batch_size": 100, "learning_rate": 3e-3}
    training |= changes.pop("training", {})
    start(small_recipe(model=model, training=training, **changes), root / "run", Silent())
    return root / "run"


CASES: dict[str, tuple[dict[str, Any], str, list[str]]] = {
    "healthy": ({}, "healthy", []),
    "conditional": ({"model": {"condition": "labels"}}, "healthy", []),
    "mean": (
        {
            "model": {"likelihood": {"kind": "gaussian", "variance": 0.5}},
            "objective": {"reduction": "mean"},
            "epochs": 10,
        },
        "collapsed",
        ["wrong_reduction", "collapsed"],
    ),
    "scaled noise": (
        {"model": {"posterior": {"kind": "gaussian", "epsilon_std": 0.5}}},
        "at_risk",
        ["scale_mismatch"],
    ),
    "beta 8": ({"objective": {"beta": 8}, "epochs": 10}, "collapsed", ["collapsed"]),
    "short": ({"epochs": 2}, "undertrained", ["undertrained"]),
    "weak prior": (
        {"model": {"latent": 16, "likelihood": {"kind": "gaussian", "variance": 1e-4}}},
        "prior_mismatch",
        ["prior_mismatch"],
    ),
    "told by the prior": (
        {
            "data": {"kind": "bundles", "streamlines": 200, "points": 16},
            "transform": {"kind": "standardise"},
            "model": {
                "condition": {"kind": "covariates", "names": ["length"], "labels": True},
                "prior": {
                    "kind": "regression",
                    "covariate": "length",
                    "labels": True,
                    "form": "curve",
                },
                "likelihood": {"kind": "gaussian", "variance": "optimal"},
            },
            "training": {"batch_size": 20},
        },
        "healthy",
        [],
    ),
    "encoder only": (
        {"model": {"condition": {"kind": "labels", "into": "encoder"}}},
        "at_risk",
        ["condition_ignored"],
    ),
    "a covariate that matters little, beside labels that are not told": (
        {
            "data": {"kind": "bundles", "streamlines": 200, "points": 16},
            "transform": {"kind": "standardise"},
            "model": {
                "condition": {"kind": "covariates", "names": ["straightness"]},
                "likelihood": {"kind": "gaussian", "variance": "optimal"},
            },
            "training": {"batch_size": 20},
        },
        "healthy",
        [],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_run_is_diagnosed_and_its_remedies_are_legal(case: str, tmp_path: Path) -> None:
    changes, verdict, kinds = CASES[case]
    root = run_of(tmp_path, **changes)
    found = diagnose_run(root)
    assert (found.verdict, [one.kind for one in found.findings]) == (verdict, kinds)
    assert json.loads((root / "diagnosis.json").read_text()) == found.as_json()
    recipe = read_recipe(root / "recipe.yaml")
    for one in found.findings:
        assert one.remedies
        assert all(apply(recipe, [edit]) != recipe for edit in one.remedies)


@pytest.mark.slow
def test_the_first_remedy_of_a_mean_reduction_makes_it_live(tmp_path: Path) -> None:
    """Averaged squared errors at beta 1 collapse on digits, with beta_crit .0218393."""
    gaussian = {"likelihood": {"kind": "gaussian", "variance": 0.5}}
    root = run_of(tmp_path, 20, model=gaussian, objective={"reduction": "mean"})
    found = diagnose_run(root).findings[0]
    assert found.kind == "wrong_reduction"
    recipe = apply(read_recipe(root / "recipe.yaml"), [found.remedies[0], "training.epochs=60"])
    start(recipe, tmp_path / "again", Silent())
    assert diagnose_run(tmp_path / "again").verdict == "healthy"


def test_a_diverged_run_is_replayed(tmp_path: Path) -> None:
    with pytest.raises(DivergedError):
        raise_if_diverged(tmp_path)
    found = diagnose_run(tmp_path / "run")
    assert found.verdict == "exploding"
    assert found.findings[0].evidence["step"] >= 1
    assert any(edit.startswith("training.learning_rate=") for edit in found.findings[0].remedies)


def raise_if_diverged(root: Path) -> None:
    gaussian = {"likelihood": {"kind": "gaussian", "variance": 1e-6}}
    run_of(root, 4, model=gaussian, training={"learning_rate": 100.0})
    summary = json.loads((root / "run" / "summary.json").read_text())
    if summary["status"] == "diverged":
        raise DivergedError("as wanted")


def test_the_command_prints_prose_or_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = run_of(tmp_path, 2)
    with pytest.raises(SystemExit) as ended:
        main(["doctor", str(root), "--json"])
    assert ended.value.code == 0
    printed = capsys.readouterr()
    record = json.loads(printed.out)
    assert record["run"] == str(root) and record["verdict"] == "undertrained"
    assert record["findings"][0]["remedies"][0] == "training.epochs=4"
    assert "-> training.epochs=4" in printed.err


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"recipe\.yaml"):
        diagnose_run(tmp_path)
