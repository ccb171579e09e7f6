"""Studies: named grids, seeds, means with intervals; every named one is legal."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from scipy import stats

from tests.conftest import small_recipe
from tests.test_reports import Page
from tests.test_sweep_ray import Watching
from vaestro.cli.report import report
from vaestro.cli.study import study as command
from vaestro.cli.study_table import print_cells
from vaestro.foundation.errors import RecipeError, RunFolderError
from vaestro.reports.study.facts import Axis, Mean
from vaestro.studies.cells import Cell, as_row, cells, in_words, mean_of, short_name
from vaestro.studies.config import StudyConfig, named, read_study
from vaestro.studies.keeping import StudyKeeping, stored_study
from vaestro.studies.page import facts_of
from vaestro.studies.study import carry_out
from vaestro.sweeps.folder import SweepFolder
from vaestro.sweeps.ledger.rows import Trial
from vaestro.sweeps.search import grid_of
from vaestro.sweeps.sweep import Wanted


@pytest.mark.parametrize("name", named())
def test_every_named_study_is_sound_and_its_quick_form_smaller(name: str) -> None:
    study = read_study(name)
    whole, quick = study.definition(), study.shortened().definition()
    for made in (whole, quick):
        made.require_sound()
        assert not made.screen and made.search == "grid"
    count = len(grid_of(whole.recipe, whole.space))
    assert len(grid_of(quick.recipe, quick.space)) * study.seeds == count * study.quick.seeds
    assert quick.recipe.training.epochs < whole.recipe.training.epochs
    assert study.question.endswith("?") and study.name == name


def test_a_mean_has_students_interval() -> None:
    values = [1.0, 2.0, 4.0, 7.0]
    mean = mean_of(values)
    low, high = stats.t.interval(0.95, 3, loc=3.5, scale=stats.sem(values))
    assert (mean.value - (mean.half or 0), mean.value + (mean.half or 0)) == pytest.approx(
        (low, high)
    )
    assert mean_of([3.0]) == (3.0, None, 1)


def trial(number: int, beta: str, seed: int, mse: float | None, verdict: str) -> Trial:
    params = {"objective.beta": beta, "seed": seed}
    values = None if mse is None else {"mse": mse}
    state = "failed" if mse is None else "finished"
    facts = {"verdict": verdict, "trained": True}
    return Trial(number, 0, number, params, [], {}, state, values, None, facts, number)


def test_cells_are_settings_whatever_the_seed() -> None:
    trials = [
        trial(0, "1", 0, 0.5, "healthy"),
        trial(1, "1", 1, 0.7, "collapsed"),
        trial(2, "4", 0, None, "exploding"),
        trial(3, "4", 1, 0.9, "healthy"),
    ]
    one, four = cells(trials, ["mse"])
    assert one.params == {"objective.beta": "1"} and one.label == "beta 1"
    assert one.means["mse"].value == pytest.approx(0.6) and one.means["mse"].n == 2
    assert one.verdicts == {"healthy": 1, "collapsed": 1}
    assert four.means["mse"] == (0.9, None, 1)  # one that failed has no figure
    row = as_row(four)
    assert row["trials"] == [2, 3] and row["mse"]["n"] == 1
    assert json.loads(json.dumps(row)) == row


def test_a_field_is_named_by_its_last_name_that_says_something() -> None:
    assert short_name("model.likelihood.variance.value") == "variance"
    assert short_name("model.condition.into") == "into"
    assert short_name("seed") == "seed"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("{kind: fixed, value: 1}", "fixed 1"),
        ("{kind: shared}", "shared"),
        ("{into: both, kind: labels}", "labels into both"),
        ("[64, 64]", "64 64"),
        ("0.010", "0.01"),
        (0.25, "0.25"),
        ("encoder", "encoder"),
        ("null", "null"),
    ],
)
def test_a_value_is_readable(value: Any, words: str) -> None:
    assert in_words(value) == words


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"vary": {"objective.beta": [1, 2]}, "figures": ["mze"]}, "did you mean mse"),
        ({"vary": {}}, "vary"),
        ({"vary": {"objective.beta": [1, 2]}, "sedes": 3}, "did you mean seeds"),
    ],
)
def test_a_study_that_is_not_legal_is_refused_in_one_line(values: dict, said: str) -> None:
    with pytest.raises(RecipeError, match=said) as fault:
        StudyConfig.parse({"name": "x", "question": "?", "recipe": "digits", **values}).definition()
    assert "\n" not in str(fault.value)


def test_an_unknown_study_names_its_nearest() -> None:
    with pytest.raises(RecipeError, match="did you mean beta"):
        read_study("betta")


@pytest.mark.slow
def test_a_study_of_ones_own_is_carried_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "small.yaml").write_text(small_recipe().to_yaml())
    (tmp_path / "mine.yaml").write_text(
        f"question: Is more latent better?\nrecipe: {tmp_path / 'small.yaml'}\n"
        "vary: {model.latent: [2, 4]}\nseeds: 3\nfigures: [mse]\n"
    )
    study = read_study(str(tmp_path / "mine.yaml"))
    assert study.name == "mine"
    told = carry_out(study, root := tmp_path / "s", Wanted(), Watching())
    assert told["status"] == "finished" and len(told["cells"]) == 2
    assert [cell["mse"]["n"] for cell in told["cells"]] == [3, 3]
    assert all(cell["mse"]["half"] > 0 for cell in told["cells"])
    assert json.loads((root / "study.json").read_text()) == told
    kept = {path.name for path in root.iterdir()}
    assert {"study.yaml", "study.csv", "report.html"} <= kept
    assert not {"trials.csv", "best.yaml"} & kept
    assert stored_study(root) == study
    page = Page((root / "report.html").read_text())
    assert {"answer", "cells", "seeds", "pictures", "numbers"} <= set(page.ids)
    again_and_others(study, root, told, capsys)


def again_and_others(
    study: StudyConfig, root: Path, told: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """The folder alone goes on and trains nothing; the page is written anew; others are refused."""
    before = (root / "study.csv").read_bytes()
    again = carry_out(None, root, Wanted(), Watching())
    assert again["cells"] == told["cells"] and (root / "study.csv").read_bytes() == before
    text = (root / "report.html").read_text()
    (root / "report.html").unlink()
    report([root])
    assert capsys.readouterr().out == f"report: {root / 'report.html'}\n"
    assert (root / "report.html").read_text() == text and "Answer" in text
    reworded = study.model_copy(update={"question": "Is less more?"})
    assert carry_out(reworded, root, Wanted(), Watching())["cells"] == told["cells"]
    refused(study.model_copy(update={"seeds": 2}), root, "with 3 seeds and 2 are asked for")
    refused(study.model_copy(update={"figures": ("elbo",)}), root, "another study: figures")


def refused(study: StudyConfig, root: Path, said: str) -> None:
    with pytest.raises(RunFolderError, match=said) as fault:
        carry_out(study, root, Wanted(), Watching())
    assert "\n" not in str(fault.value) and f"vaestro study --out {root}" in str(fault.value)


def one_cell(tmp_path: Path) -> StudyConfig:
    (tmp_path / "small.yaml").write_text(small_recipe().to_yaml())
    return StudyConfig(
        name="mine",
        question="?",
        recipe=str(tmp_path / "small.yaml"),
        vary={"model.latent": [2, 4]},
        seeds=2,
        figures=("mse",),
    )


def test_the_facts_of_the_page_are_those_of_the_trials(tmp_path: Path) -> None:
    study = one_cell(tmp_path)
    definition = study.definition()
    space = definition.space
    told = [
        Trial(
            n,
            0,
            n,
            cell,
            space.edits(cell),
            {},
            "finished",
            {"mse": 0.1 * n + n % 2},
            None,
            {"verdict": "healthy", "run": f"trials/{n:04d}"},
            n,
        )
        for n, cell in enumerate(space.cells())
    ]
    told[1] = told[1]._replace(state="failed", values=None, facts={}, reason="no room")
    told[3] = told[3]._replace(state="waiting", values=None, facts={})
    facts = facts_of(study, SweepFolder(tmp_path), definition, told, "interrupted", 4)
    assert (facts.ended, facts.wanted, facts.dead) == (3, 4, 1)
    assert facts.go_on == f"vaestro study --out {tmp_path}"
    assert facts.axes == (Axis("model.latent", "latent", ("2", "4"), (2.0, 4.0)),)
    assert [(cell.label, cell.places) for cell in facts.cells] == [
        ("latent 2", (0,)),
        ("latent 4", (1,)),
    ]
    first, lost = facts.cells[0].runs
    assert (first.seed, first.run, first.value("mse")) == (0, tmp_path / "trials" / "0000", 0.0)
    assert (lost.seed, lost.run, lost.word, lost.reason) == (1, None, "failed", "no room")
    assert facts.cells[0].means == {"mse": (0.0, None, 1)}
    assert [one.difference for one in facts.comparisons] == pytest.approx([-0.2])


def test_an_interrupted_study_has_its_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vaestro.sweeps.sweep.interruption", already)
    root, study = tmp_path / "s", one_cell(tmp_path)
    told = carry_out(study, root, Wanted(), Watching())
    assert told["status"] == "interrupted" and told["cells"] == []
    text = (root / "report.html").read_text()
    assert "0 of 4 runs have ended" in text and f"vaestro study --out {root}" in text


@contextmanager
def already() -> Iterator[threading.Event]:
    """An interruption that was asked for before the first look."""
    asked = threading.Event()
    asked.set()
    yield asked


def test_a_folder_that_is_no_study(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="so it is no study"):
        carry_out(None, tmp_path, Wanted(), Watching())
    assert list(tmp_path.iterdir()) == []


def test_the_study_is_kept_as_it_was_asked_for(tmp_path: Path) -> None:
    edits = ("data.path='/a, b: c'", "objective.beta=2")
    asked = one_cell(tmp_path).model_copy(update={"edits": edits})
    folder = SweepFolder(tmp_path)
    StudyKeeping(asked).begin(folder)
    assert stored_study(tmp_path) == asked
    StudyKeeping(one_cell(tmp_path)).begin(folder)  # another one, which never overwrites it
    assert stored_study(tmp_path) == asked


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"seeds": 3}, "--quick, --seeds, --data and --set say which study it is; give its NAME"),
        ({"name": "beta"}, "--out is missing; give the study's folder: --out studies/beta"),
    ],
)
def test_a_command_that_says_too_little(given: dict[str, Any], said: str) -> None:
    name = given.pop("name", None)
    with pytest.raises(RecipeError, match=said):
        command(name, **given)


def test_the_table_fits_a_hundred_columns(capsys: pytest.CaptureFixture[str]) -> None:
    figures = ["data_term", "prior_term", "mse", "live_dimensions"]
    means = [(-40.82, 1.43), (15.94, 0.49), (0.041594, 8.3e-5), (11.67, 1.4)]
    made = dict(zip(figures, (Mean(*mean, 4) for mean in means), strict=True))
    setting = {"model.condition.into": "encoder", "model.condition.encoding.repeat": "20"}
    found = [Cell(setting, (), made, {"undertrained": 3, "collapsed": 1})]
    print_cells(Console(), found, figures)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100 and len(lines) <= 3
    assert "0.04159 ± 0.00008" in lines[1] and "-40.8 ± 1.4" in lines[1]
