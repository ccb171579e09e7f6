"""Workers that are forked, batches that are given back, and folders that are another's."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import small_recipe
from tests.ledgers import LONG, asked, opened
from tests.test_sweep import definition, swept
from tests.test_sweep_ray import Watching
from vaestro.experiments.complete import complete
from vaestro.foundation.errors import RunFolderError
from vaestro.runs.folder import RunFolder
from vaestro.studies.config import StudyConfig
from vaestro.studies.study import carry_out
from vaestro.sweeps.folder import SweepFolder
from vaestro.sweeps.forked import may_fork
from vaestro.sweeps.released import release
from vaestro.sweeps.sweep import Wanted, sweep

FORKING = """
import pathlib, signal, sys, time
from vaestro.sweeps.forked import Waiting, redirected
root = pathlib.Path(sys.argv[1])
def work(place):
    redirected(root / f"{place}.log")
    print("at work", flush=True)
    if place == 1:
        time.sleep(60)
    return 3
first = Waiting(2, work)
assert [child.poll() for child in first.children] == [None, None]
one, other = first.begin()
assert one.wait(20) == 3 and one.poll() == 3
try:
    other.wait(0.05)
except Exception as fault:
    assert type(fault).__name__ == "TimeoutExpired"
else:
    raise AssertionError
other.kill()
assert other.wait(20) == -signal.SIGKILL
never = Waiting(2, lambda place: work(place + 5))
never.drop()
assert [child.returncode for child in never.children] == [0, 0]
"""


def test_forked_children_begin_at_a_word_and_end_without_it(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-c", FORKING, str(tmp_path)], capture_output=True, text=True, timeout=120
    )
    assert told.returncode == 0, told.stderr
    assert (tmp_path / "0.log").read_text() == "at work\n"
    assert not (tmp_path / "5.log").exists() and not may_fork()


def test_what_dead_workers_hold_is_given_back(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.sqlite"
    (tmp_path / "sweep.json").write_text(json.dumps({"id": "s", "storage": url}))
    folder = SweepFolder(tmp_path)
    with opened(url) as ledger:
        asked(ledger, owner="dead"), asked(ledger, owner="alive")
        assert release(folder, {"dead", "other"}) == 1
        assert [batch.state for batch in ledger.batches("s")] == ["waiting", "leased"]
        taken = ledger.lease("s", "next", LONG)
        assert taken is not None and (taken.batch, taken.token) == (0, 2)
        assert release(folder, set()) == 0
    assert release(SweepFolder(tmp_path / "nowhere"), {"dead"}) == 0


def one_cell(tmp_path: Path, seeds: int = 1) -> StudyConfig:
    (tmp_path / "small.yaml").write_text(small_recipe().to_yaml())
    given: dict[str, Any] = {"vary": {"model.latent": [2, 4]}, "seeds": seeds, "figures": ("mse",)}
    return StudyConfig(name="mine", question="?", recipe=str(tmp_path / "small.yaml"), **given)


def files(root: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in root.rglob("*") if p.is_file() and p.name != ".lock"}


@pytest.mark.slow
def test_a_study_may_gain_seeds_and_is_no_sweep(tmp_path: Path) -> None:
    root = tmp_path / "s"
    first = carry_out(one_cell(tmp_path), root, Wanted(), Watching())
    assert [cell["seeds"] for cell in first["cells"]] == [1, 1]
    old = {number: (root / "trials" / f"{number:04d}").resolve() for number in (0, 1)}
    ends = {path: (path / "summary.json").stat().st_mtime_ns for path in old.values()}
    grown = carry_out(one_cell(tmp_path, 2), root, Wanted(), Watching())
    assert [cell["seeds"] for cell in grown["cells"]] == [2, 2]
    assert [cell["trials"] for cell in grown["cells"]] == [[0, 2], [1, 3]]
    assert {path: (path / "summary.json").stat().st_mtime_ns for path in old.values()} == ends
    again = carry_out(None, root, Wanted(), Watching())
    assert again["cells"] == grown["cells"]
    with pytest.raises(RunFolderError, match="with 2 seeds and 1 are asked for"):
        carry_out(one_cell(tmp_path), root, Wanted(), Watching())
    before = files(root)
    with pytest.raises(RunFolderError, match="holds a study; `vaestro study --out") as fault:
        sweep(None, None, root, Wanted(), Watching())
    assert "\n" not in str(fault.value) and files(root) == before


def test_a_sweeps_folder_is_no_study(tmp_path: Path) -> None:
    root, study = tmp_path / "s", one_cell(tmp_path)
    root.mkdir()
    (root / "trials.csv").write_text("trial\n")
    SweepFolder(root).create(study.definition().plain(), {"id": "s", "storage": "sqlite:///x"})
    before = files(root)
    with pytest.raises(RunFolderError, match="holds a sweep; `vaestro sweep --out"):
        carry_out(study, root, Wanted(), Watching())
    assert files(root) == before


def test_a_trial_that_left_at_a_rung_is_completed_when_looked_at(tmp_path: Path) -> None:
    recipe = small_recipe(training={"epochs": 3})
    fields = {"search": "grid", "goal": {"figures": ["elbo"]}, "halving": {"eta": 3}, "batch": 3}
    vary = ["training.learning_rate=5e-3,1e-5,2e-5"]
    trials = swept(tmp_path / "s", definition(vary, recipe, width=3, **fields), 3)
    left = RunFolder(tmp_path / "s" / "trials" / "0001")
    brief = left.read_summary()
    assert brief is not None and brief["brief"] and trials[1].facts["rung"] == 1
    assert (left.model / "model.safetensors").is_file() and not left.diagnosis.is_file()
    history = left.history.read_bytes()
    assert complete(left.root) and not complete(left.root)
    whole = left.read_summary()
    assert whole is not None and "brief" not in whole
    assert whole["validation"] == brief["validation"] and whole["train"]["loss"] > 0
    assert (whole["steps"], whole["status"]) == (brief["steps"], "stopped_early")
    assert left.diagnosis.is_file() and (left.snapshots / "final.npz").is_file()
    assert left.history.read_bytes() == history
    assert not complete(tmp_path / "s" / "trials" / "0000"), "a finished trial is whole"
