"""A watched run resumes exactly: its events too, and across remedies, wherever it was killed."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Silent, small_recipe
from tests.test_monitor import dead, doomed, events_of, negative
from tests.test_resume import Killed, assert_same_run, train_killed, unchanged
from vaestro.data.dataset import DataSet
from vaestro.experiments import remedied
from vaestro.experiments import train as training
from vaestro.experiments.recipe import Recipe
from vaestro.foundation.errors import DivergedError
from vaestro.runs.folder import RunFolder
from vaestro.training import step as stepping


def assert_same_events(left: Path, right: Path) -> None:
    assert (left / "events.jsonl").read_bytes() == (right / "events.jsonl").read_bytes()
    ours, theirs = (remedied.entries(RunFolder(root)) for root in (left, right))
    assert ours == theirs


@pytest.mark.parametrize(("kind", "at"), [("warn", 345), ("stop", 290)])
def test_events_survive_a_kill(
    kind: str, at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed with a cause open and its event written, the last checkpoint at step 280 from before;
    killed before the run is stopped."""
    recipe = doomed(kind).model_copy(
        update={"training": doomed(kind).training.model_copy(update={"checkpoint_steps": 70})}
    )
    training.start(recipe, tmp_path / "straight", Silent())
    assert events_of(tmp_path / "straight")
    train_killed(recipe, tmp_path / "killed", at, monkeypatch)
    assert bool(events_of(tmp_path / "killed")) == (kind == "warn")
    training.resume(tmp_path / "killed", unchanged, Silent())
    assert_same_run(tmp_path / "straight", tmp_path / "killed")
    assert_same_events(tmp_path / "straight", tmp_path / "killed")


def exploding(monkeypatch: pytest.MonkeyPatch, until: int = 1) -> None:
    """Step 9 is refused while fewer than `until` remedies have been applied."""
    take = stepping.Stepper.take

    def refusing(self: stepping.Stepper, state: Any, batch: Any) -> None:
        if state.step == 9 and state.remedies < until:
            raise DivergedError("step 10: the loss is not finite")
        take(self, state, batch)

    monkeypatch.setattr(stepping.Stepper, "take", refusing)


def remedying(**fields: Any) -> Recipe:
    return small_recipe(training={"epochs": 3, "monitor": {"kind": "remedy"}, **fields})


def test_an_explosion_goes_on_from_the_last_good_validation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exploding(monkeypatch, until=2)
    summary = training.start(remedying(), tmp_path / "r", Silent())
    assert summary["status"] == "finished"
    first, second = remedied.entries(RunFolder(tmp_path / "r"))
    assert first == {"step": 9, "kind": "exploding", "set": "training.clip_norm=1", "from": 6}
    assert second["from"] == 6
    assert second["set"] == "training.learning_rate=0.000333"
    rows = [json.loads(r) for r in (tmp_path / "r" / "history.jsonl").read_text().splitlines()]
    rates = {r["learning_rate"] for r in rows if r["split"] == "train" and r["step"] > 6}
    assert rates == {0.000333}
    assert next(r["learning_rate"] for r in rows if r["split"] == "train") == 1e-3
    causes = [event["cause"] for event in events_of(tmp_path / "r")]
    assert causes == ["refused-step", "remedy"] * 2


def test_without_a_remedy_left_it_has_diverged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exploding(monkeypatch, until=5)
    recipe = remedying(monitor={"kind": "remedy", "most": 1})
    summary = training.start(recipe, tmp_path / "r", Silent())
    assert summary["status"] == "diverged"
    assert summary["verdict"] == "exploding"
    assert len(remedied.entries(RunFolder(tmp_path / "r"))) == 1


def test_warn_leaves_an_explosion_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exploding(monkeypatch)
    summary = training.start(small_recipe(training={"epochs": 3}), tmp_path / "r", Silent())
    assert summary["status"] == "diverged"
    (event,) = events_of(tmp_path / "r")
    assert (event["kind"], event["step"]) == ("exploding", 9)
    assert event["remedies"][0] == "training.clip_norm=1"
    assert not (tmp_path / "r" / "checkpoints" / "good").exists()


@pytest.mark.parametrize("every", [2, 5])
@pytest.mark.parametrize("at", [3, 8, 10, 13])
def test_killed_around_a_remedy_equals_straight(
    at: int, every: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Step 9 is refused, the run goes on from 6: 3 and 8 are in the first attempt, 10 and 13 in the
    second, with its first own checkpoint before or behind them."""
    exploding(monkeypatch)
    recipe = remedying(checkpoint_steps=every)
    training.start(recipe, tmp_path / "straight", Silent())
    train_killed(recipe, tmp_path / "killed", at, monkeypatch)
    training.resume(tmp_path / "killed", unchanged, Silent())
    assert_same_run(tmp_path / "straight", tmp_path / "killed")
    assert_same_events(tmp_path / "straight", tmp_path / "killed")


CASES: list[tuple[str, Recipe, DataSet | None]] = [
    ("explosion", remedying(checkpoint_steps=4), None),
    ("dead", dead("remedy"), negative()),
]


@pytest.mark.parametrize("moment", ["update_manifest", "drop_stale", "begin"])
@pytest.mark.parametrize(("name", "recipe", "data"), CASES, ids=[case[0] for case in CASES])
def test_killed_while_the_remedy_is_written_down(
    name: str,
    recipe: Recipe,
    data: DataSet | None,
    moment: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exploding(monkeypatch)
    training.start(recipe, tmp_path / "straight", Silent(), data)

    def dying(*_: Any, **facts: Any) -> None:
        if moment != "update_manifest" or "remedied" in facts:
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(RunFolder if moment == "update_manifest" else remedied, moment, dying)
        with pytest.raises(Killed):
            training.start(recipe, tmp_path / "killed", Silent(), data)
    if moment == "update_manifest":
        (tmp_path / "killed" / "manifest.json").write_text("{}")  # the patch wrote no manifest
    training.resume(tmp_path / "killed", unchanged, Silent())
    assert_same_run(tmp_path / "straight", tmp_path / "killed")
    assert_same_events(tmp_path / "straight", tmp_path / "killed")
    assert remedied.entries(RunFolder(tmp_path / "killed"))[0]["kind"] in (
        "exploding",
        "dead_output",
    )


def test_a_remedied_run_that_is_finished_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exploding(monkeypatch)
    summary = training.start(remedying(), tmp_path / "r", Silent())
    assert training.resume(tmp_path / "r", unchanged, Silent()) == summary
