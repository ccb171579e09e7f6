"""From a sweep's ledger to the facts of its page: importance, commands, the page on disk."""

import html
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import small_recipe
from tests.made_sweep import made_run
from tests.test_reports import Page
from vaestro.cli.export import export
from vaestro.cli.report import report
from vaestro.reports.sweep.facts import Axis
from vaestro.sweeps.axis import axis_of
from vaestro.sweeps.command import going_on, longer
from vaestro.sweeps.definition import Definition, watched
from vaestro.sweeps.folder import SweepFolder
from vaestro.sweeps.goal import Goal
from vaestro.sweeps.importance import LEAST, importances
from vaestro.sweeps.ledger.ledger import Ledger
from vaestro.sweeps.ledger.rows import Sweep
from vaestro.sweeps.ledger.rows import Trial as Told
from vaestro.sweeps.page import axes_of, facts_of, try_page
from vaestro.sweeps.space import Space, space_of
from vaestro.sweeps.stored import read_sweep
from vaestro.sweeps.summary import found
from vaestro.sweeps.worker import Worker


def definition_of(vary: list[str], goal: Goal | None = None, **more: Any) -> Definition:
    return Definition(
        recipe=watched(small_recipe()),
        space=space_of(vary, None),
        goal=goal or Goal(),
        **more,
    )


def told(number: int, params: dict[str, Any], values: dict[str, float | None] | None) -> Told:
    state = "finished" if values else "failed"
    edits = [f"{name}={value}" for name, value in params.items()]
    return Told(number, 0, number, params, edits, {}, state, values, None, {}, number)  # type: ignore[arg-type]


VARY = ["objective.beta=log(1,100)", "model.latent=int(2,16)"]


def answered(count: int) -> list[Told]:
    """Trials whose data term depends on beta alone, and whose prior term is always the same."""
    draw = np.random.default_rng(0)
    trials = []
    for number in range(count):
        beta = float(np.exp(draw.uniform(0, np.log(100))))
        params = {"objective.beta": beta, "model.latent": int(draw.integers(2, 17))}
        trials.append(told(number, params, {"data_term": np.log(beta), "prior_term": 2.0}))
    return trials


class TestImportance:
    def test_the_field_that_matters_has_it_all(self) -> None:
        data_term, prior_term = importances(definition_of(VARY), answered(30))
        assert data_term.shares["objective.beta"] > 0.9
        assert data_term.shares["model.latent"] < 0.05
        assert not prior_term.shares
        assert "prior_term is the same in every trial" in prior_term.note

    def test_too_few_trials(self) -> None:
        trials = [*answered(LEAST - 1), told(90, {"objective.beta": 3.0, "model.latent": 3}, None)]
        [one] = importances(definition_of(VARY), trials)
        assert not one.shares and f"{LEAST - 1} trials have figures of their ends" in one.note

    def test_figures_at_a_rung_are_no_ends(self) -> None:
        trials = [one._replace(facts={"rung": 1}, state="pruned") for one in answered(30)]
        [one] = importances(definition_of(VARY), trials)
        assert not one.shares and "0 trials have figures of their ends" in one.note

    def test_a_field_of_some_settings_is_left_out(self) -> None:
        inner = {"model.prior.components": "2,4"}
        branched = axis_of(
            "model.prior.kind",
            {"values": ["standard-normal", "mixture"], "branches": {"mixture": inner}},
        )
        space = Space(axes=(axis_of("objective.beta", "log(1,100)"), branched))
        definition = Definition(recipe=small_recipe(), space=space)
        trials = []
        for one in answered(20):
            params = {"objective.beta": one.params["objective.beta"]}
            params["model.prior.kind"] = "mixture" if one.number % 2 else "standard-normal"
            if one.number % 2:
                params["model.prior.components"] = "4"
            trials.append(one._replace(params=params))
        shares = importances(definition, trials)[0].shares
        assert set(shares) == {"objective.beta", "model.prior.kind"}
        conditional = {axis.field: axis.conditional for axis in axes_of(space)}
        assert conditional == {
            "objective.beta": False,
            "model.prior.kind": False,
            "model.prior.components": True,
        }


class TestFromTheLedger:
    def test_the_facts_are_those_of_the_trials(self, tmp_path: Path) -> None:
        definition = definition_of(VARY)
        trials = answered(12)
        trials[3] = trials[3]._replace(state="pruned", reason="forecast", facts={"trained": False})
        trials[4] = trials[4]._replace(facts={"trained": True, "verdict": "collapsed"})
        facts = facts_of(SweepFolder(tmp_path), definition, trials, "finished", 12)
        best, front = found(definition, trials)
        assert best is not None
        assert (facts.best, facts.front) == (best, tuple(front))
        assert [t.fate for t in facts.trials].count("untrained") == 1
        assert [t.number for t in facts.trials if not t.allowed] == [4]
        assert facts.axes[0] == Axis("objective.beta", 1, 100, log=True)
        assert f"value: {trials[best].params['objective.beta']:.6g}" in facts.recipe
        assert facts.train == f"vaestro train {tmp_path / 'best.yaml'} --set training.epochs=6"

    def test_a_run_is_found_where_its_batch_was_taken_over(self, tmp_path: Path) -> None:
        folder = SweepFolder(tmp_path)
        for batch in ("0000-1", "0000-2"):
            made_run(tmp_path / "batches" / batch / "members" / "000")
        for batch in ("0000-1", "0000-2"):
            run = folder.link(0, tmp_path / "batches" / batch / "members" / "000")
            one = answered(1)[0]._replace(facts={"trained": True, "run": run})
            [trial] = facts_of(folder, definition_of(VARY), [one], "finished", 1).trials
            assert trial.run is not None
            assert trial.run.resolve() == tmp_path / "batches" / batch / "members" / "000"

    def test_a_page_that_cannot_be_drawn_loses_nothing(self, tmp_path: Path) -> None:
        def broken() -> None:
            raise RuntimeError("no\nspace left")

        said = try_page(broken, tmp_path)
        assert "(no space left)" in said and f"vaestro report {tmp_path}" in said
        assert "\n" not in said

    def test_a_small_sweep_from_its_ledger_to_its_page(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        definition = definition_of(["objective.beta=1,200", "training.epochs=1,2"], search="grid")
        folder = SweepFolder(tmp_path)
        folder.create(definition.plain(), place := folder.place_for(None))
        ledger = Ledger(place["storage"])
        entry = Sweep(place["id"], "small", str(tmp_path), definition.plain(), 4, "running", 0, {})
        ledger.create(entry)
        assert Worker(ledger, place["id"], lambda text: None).work()
        ledger.set_state(place["id"], "finished")
        ledger.close()
        stored = read_sweep(tmp_path)
        assert (stored.status, len(stored.trials)) == ("finished", 4)
        report([tmp_path])
        export(tmp_path, out=str(tmp_path / "all.csv"))
        said = capsys.readouterr().out
        assert said == f"report: {folder.report}\n4 trials: {tmp_path / 'all.csv'}\n"
        text = folder.report.read_text()
        ids = Page(text).ids
        assert "plane" in ids and "along" in ids and "trials-front" in ids
        best, _ = found(stored.definition, stored.trials)
        assert best is not None
        for edit in stored.trials[best].edits:
            assert html.escape(edit) in text


def test_the_commands_name_the_folder(tmp_path: Path) -> None:
    root = tmp_path / "my sweep"
    assert going_on(root, None) == f"vaestro sweep --out '{root}'"
    assert going_on(root, 64) == f"vaestro sweep --out '{root}' --trials 64"
    recipe = small_recipe(training={"epochs": 4})
    assert longer(recipe, Path("b.yaml")) == "vaestro train b.yaml --set training.epochs=12"
