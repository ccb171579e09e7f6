"""The end of a run: its diagnosis is the doctor's, its summary says the same, and it goes stale."""

import json
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.conftest import Silent, small_recipe
from vaestro.experiments import finish
from vaestro.experiments import train as training
from vaestro.experiments.assemble import assemble
from vaestro.experiments.diagnosis.doctor import diagnose_run
from vaestro.experiments.recipe import apply, read_recipe
from vaestro.foundation.errors import RecipeError
from vaestro.health.baselines import dropped_nats
from vaestro.health.verdict import sentence, verdict
from vaestro.reports.facts import read_facts
from vaestro.reports.findings import findings
from vaestro.reports.page import write_report
from vaestro.runs.folder import RunFolder
from vaestro.training import plan as planning

GAUSSIAN: dict[str, Any] = {"likelihood": {"kind": "gaussian", "variance": 0.5}}
CASES: dict[str, dict[str, Any]] = {
    "healthy": {"training": {"epochs": 40, "batch_size": 100, "learning_rate": 3e-3}},
    "undertrained": {},
    "collapsed": {
        "model": GAUSSIAN,
        "objective": {"reduction": "mean"},
        "training": {"epochs": 12, "batch_size": 100, "learning_rate": 3e-3},
    },
    "autoencoder": {"model": {"posterior": "deterministic"}},
}


def trained(root: Path, **changes: Any) -> dict[str, Any]:
    return training.start(small_recipe(**changes), root, Silent())


def kept(root: Path) -> dict[str, Any]:
    return dict(json.loads(RunFolder(root).diagnosis.read_text()))


@pytest.mark.parametrize("case", CASES)
def test_train_and_doctor_agree(case: str, tmp_path: Path) -> None:
    summary = trained(tmp_path / "r", **CASES[case])
    at_the_end = kept(tmp_path / "r")
    later = diagnose_run(tmp_path / "r")
    assert summary["verdict"] == at_the_end["verdict"] == later.verdict
    assert [one["kind"] for one in at_the_end["findings"]] == [one.kind for one in later.findings]
    told = [one["remedies"] for one in at_the_end["findings"]]
    assert told == [list(one.remedies) for one in later.findings]
    if case in ("healthy", "undertrained", "collapsed"):
        assert summary["verdict"] == case
        of_state = [one.sentence for one in later.findings if one.kind == case]
        assert case == "healthy" or summary["sentence"] == of_state[0]


def test_a_collapse_is_cured_by_what_the_forecast_told(tmp_path: Path) -> None:
    """One source: the remedies of forecast, monitor, doctor and page are the same edits."""
    trained(tmp_path / "r", **CASES["collapsed"])
    forecast = json.loads(RunFolder(tmp_path / "r").forecast.read_text())
    found = {one["kind"]: one["remedies"] for one in kept(tmp_path / "r")["findings"]}
    assert found["collapsed"] == forecast["remedies"]
    assert found["wrong_reduction"][0] == forecast["remedies"][0] == "objective.reduction=sum"
    shown = [command for one in findings(read_facts(tmp_path / "r")) for command in one.commands]
    assert len(shown) == len(forecast["remedies"])
    recipe = read_recipe(tmp_path / "r" / "recipe.yaml")
    assert all(apply(recipe, [edit]) != recipe for edit in found["collapsed"])


def test_a_run_that_goes_on_has_no_diagnosis(tmp_path: Path) -> None:
    trained(tmp_path / "r")
    before = kept(tmp_path / "r")
    asked = ["training.epochs=40", "training.learning_rate=3e-3"]

    class Looking(Silent):
        def started(self, assembly: object, step: int) -> None:
            assert not RunFolder(tmp_path / "r").diagnosis.exists()
            super().started(assembly, step)

    with pytest.raises(RecipeError, match="learning_rate"):
        training.resume(tmp_path / "r", lambda stored: apply(stored, asked), Looking())
    assert kept(tmp_path / "r") == before  # nothing went on
    display = Looking()
    training.resume(tmp_path / "r", lambda stored: apply(stored, asked[:1]), display)
    assert display.steps
    assert kept(tmp_path / "r")["verdict"] in ("healthy", "undertrained")
    assert RunFolder(tmp_path / "r").forecast.is_file()


def test_an_interrupted_run_is_not_diagnosed(tmp_path: Path) -> None:
    class Hasty(Silent):
        def stepped(self, step: int) -> None:
            if step == 7:
                signal.raise_signal(signal.SIGINT)

    summary = training.start(small_recipe(), tmp_path / "r", Hasty())
    assert summary["status"] == "interrupted"
    assert summary["sentence"].startswith("Interrupted at step 7")
    assert not RunFolder(tmp_path / "r").diagnosis.exists()


def test_a_refused_step_is_the_first_finding(tmp_path: Path) -> None:
    likelihood = {"kind": "gaussian", "variance": 1e-6}
    fast = {"epochs": 4, "batch_size": 100, "learning_rate": 1e30}
    summary = trained(tmp_path / "r", model={"likelihood": likelihood}, training=fast)
    assert (summary["status"], summary["verdict"]) == ("diverged", "exploding")
    first = kept(tmp_path / "r")["findings"][0]
    assert first["kind"] == "exploding" and first["sentence"] == summary["sentence"]
    assert first["remedies"] == ["training.clip_norm=1", "training.learning_rate=3.33e+29"]


def test_a_model_that_cannot_be_examined_is_trained_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: Any) -> Any:
        raise RuntimeError("linalg.svd: it did not converge\nfor this")

    monkeypatch.setattr(finish, "diagnose_trained", failing)
    display = Silent()
    summary = training.start(small_recipe(), tmp_path / "r", display)
    assert (summary["status"], summary["verdict"]) == ("finished", "healthy")
    assert display.said[-1].startswith("no diagnosis was made: linalg.svd")
    assert "\n" not in display.said[-1]


LIVE = {"data_term": 20.0, "prior_term": 5.0, "live_dimensions": 3}


@pytest.mark.parametrize(
    ("figures", "diverged", "word", "part"),
    [
        (LIVE, False, "healthy", "3 of 8 latent dimensions are live"),
        (LIVE | {"live_dimensions": 0}, False, "collapsed", "none of 8"),
        (LIVE | {"data_term": 60.0}, False, "healthy", "not learned yet"),
        (LIVE | {"prior_term": 21.0}, False, "healthy", "The code costs more than it saves so far"),
        (LIVE, True, "exploding", "no longer finite"),
        (LIVE | {"prior_term": None}, False, "exploding", "no longer finite"),
        (None, False, "exploding", "no longer finite"),
    ],
)
def test_the_last_figures_alone(figures: Any, diverged: bool, word: Any, part: str) -> None:
    seen = figures or {"data_term": None, "prior_term": None, "live_dimensions": 0}
    assert verdict(seen, diverged, True) == word
    assert part in sentence(word, figures, 8, 40.0, True)


@pytest.mark.parametrize(("rows", "batch"), [(2000, 100), (40, 27)])
def test_a_run_that_only_began_is_told_as_one(rows: int, batch: int, tmp_path: Path) -> None:
    """Noise, of which nothing can be learned; and one step on a few dozen rows."""
    noise = np.random.default_rng(0).standard_normal((rows, 10))
    np.save(tmp_path / "noise.npy", noise)
    summary = trained(
        tmp_path / "r",
        data={"kind": "arrays", "path": str(tmp_path / "noise.npy")},
        model={"latent": 4, "likelihood": {"kind": "gaussian", "variance": 1.0}},
        training={"epochs": 1, "batch_size": batch},
    )
    assert summary["verdict"] == kept(tmp_path / "r")["verdict"] == "undertrained"
    assert "Training stopped too early" in summary["sentence"]
    assert diagnose_run(tmp_path / "r").verdict == "undertrained"


def test_what_a_transform_drops_counts_on_both_sides() -> None:
    """Held-out digits lose another share to five components than training ones do."""
    recipe = small_recipe(
        transform={"kind": "pca", "components": 5}, model={"likelihood": {"kind": "gaussian"}}
    )
    parts = assemble(recipe, planning.choose(recipe.training))
    train, held_out = (
        dropped_nats(parts.vae, parts.material.batches(name)()) for name in ("train", "validation")
    )
    assert train == pytest.approx(0.0, abs=1e-3)
    assert abs(held_out) > 0.05
    lost = torch.cat(
        [parts.vae.transform.excess(b.truth) for b in parts.material.batches("validation")()]
    )
    assert held_out == pytest.approx(-float(lost.mean()), rel=1e-4)
    plain = small_recipe()
    whole = assemble(plain, planning.choose(plain.training))
    assert dropped_nats(whole.vae, whole.material.batches("validation")()) == 0.0


def test_the_page_of_an_autoencoder_has_no_spectrum(tmp_path: Path) -> None:
    """No beta decides over it, so there is nothing to draw."""
    trained(tmp_path / "r", model={"posterior": "deterministic"})
    page = write_report(tmp_path / "r").read_text()
    assert 'id="spectrum"' not in page and "Forecast" in page
    trained(tmp_path / "s")
    assert 'id="spectrum"' in write_report(tmp_path / "s").read_text()
