"""Two processes under torchrun train as one does on the same batches."""

import ast
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from tests import distributed_steps
from tests.conftest import Silent, small_recipe, updated
from tests.test_resume import assert_same_run
from vaestro.experiments import train as training
from vaestro.experiments.assemble import assemble
from vaestro.experiments.recipe import Recipe, read_recipe
from vaestro.training import plan as planning
from vaestro.training.step import Stepper

ROOT = Path(__file__).parents[1]
EXACT = 1e-7
"""In 64 bits: Adam divides what rounding leaves of a gradient that is nearly zero by 1e-8."""


def torchrun(*words: str | Path, folder: Path = ROOT) -> subprocess.Popen[str]:
    """torchrun of a module of `folder` and its arguments, on two processes of one thread."""
    path = os.pathsep.join([str(ROOT / "src"), str(folder), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
            *("--nproc-per-node", "2", "-m", "--", *map(str, words)),
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def done(process: subprocess.Popen[str], code: int | None = 0) -> str:
    """What it wrote on standard error, once it ended with `code` (None: with any but 0)."""
    _, told = process.communicate(timeout=240)
    assert process.returncode == code if code is not None else process.returncode != 0, told
    return told


def steps_of(names: list[str], file: Path) -> dict[str, tuple[float, bool]]:
    done(torchrun("tests.distributed_steps", file, *names))
    found: dict[str, tuple[float, bool]] = json.loads(file.read_text())
    return found


def test_steps_together_are_those_of_one_process(tmp_path: Path) -> None:
    ((apart, same),) = steps_of(["all at once"], tmp_path / "steps.json").values()
    assert apart < EXACT
    assert same, "the processes have other weights"


@pytest.mark.slow
def test_every_part_that_looks_across_a_batch_sees_all_of_it(tmp_path: Path) -> None:
    results = steps_of(list(distributed_steps.CASES), tmp_path / "steps.json")
    assert results.keys() == distributed_steps.CASES.keys()
    assert {name: apart for name, (apart, _) in results.items() if apart > EXACT} == {}
    assert all(same for _, same in results.values())


RUNS: dict[str, dict[str, Any]] = {
    "uneven batch": {"training": {"batch_size": 101}},
    "batch norm, free bits": {
        "model": distributed_steps.NORMAL,
        "objective": {"free_bits": 0.2},
        "training": {"precision": "fp64"},  # a bias before it moves by what rounding leaves
    },
}


def written(recipe: Recipe, path: Path) -> Path:
    path.write_text(recipe.to_yaml())
    return path


def records(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]


def assert_close(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> None:
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert one.pop("split") == other.pop("split")
        assert one == pytest.approx(other, rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_the_history_is_that_of_one_process(name: str, tmp_path: Path) -> None:
    """To 1e-5; every file of a run is there, written once."""
    recipe = small_recipe(**updated(RUNS[name], {"training": {"log_steps": 1}}))
    path = written(recipe, tmp_path / "recipe.yaml")
    told = done(torchrun("vaestro", "train", path, "--run", tmp_path / "two"))
    training.start(recipe, tmp_path / "one", Silent())
    assert_close(records(tmp_path / "two"), records(tmp_path / "one"))
    assert told.count("training samples of") == 1
    manifest = json.loads((tmp_path / "two" / "manifest.json").read_text())
    assert (manifest["plan"]["ranks"], manifest["status"]) == (2, "finished")
    one, two = ({p.name for p in (tmp_path / run).iterdir()} for run in ("one", "two"))
    assert two == one | {"report.html", "pictures"}  # which the command line writes


def rank_of(parent: int, rank: int) -> int:
    """The process id of a rank among the children of torchrun."""
    for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        if f"RANK={rank}".encode() in Path(f"/proc/{child}/environ").read_bytes().split(b"\0"):
            return int(child)
    raise AssertionError(f"torchrun has no rank {rank}")


def until_under_way(run: Path) -> None:
    """Wait for a checkpoint that is not there yet."""
    there = set((run / "checkpoints").glob("step-????????"))
    patience = time.monotonic() + 120
    while not set((run / "checkpoints").glob("step-????????")) - there:
        assert time.monotonic() < patience, "no checkpoint"
        time.sleep(0.01)


LONG = {
    "model": updated(distributed_steps.NORMAL, distributed_steps.DROPPING),
    "training": {"epochs": 20, "batch_size": 64, "log_steps": 3, "checkpoint_steps": 15},
}


@pytest.mark.slow
def test_killed_and_resumed_equals_undisturbed(tmp_path: Path) -> None:
    """Kill -9 of the second process, and after a resume of the first, which writes."""
    path = written(small_recipe(**LONG), tmp_path / "recipe.yaml")
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    done(torchrun("vaestro", "train", path, "--run", straight))
    start: list[str | Path] = ["vaestro", "train", path, "--run", killed]
    again: list[str | Path] = ["vaestro", "train", "--resume", "--run", killed]
    for rank, words in ((1, start), (0, again)):
        process = torchrun(*words)
        until_under_way(killed)
        os.kill(rank_of(process.pid, rank), signal.SIGKILL)
        done(process, None)
        assert len(records(killed)) < len(records(straight))
    done(torchrun(*again))
    assert_same_run(straight, killed)


@pytest.mark.slow
def test_one_interrupted_process_stops_all_and_one_alone_goes_on(tmp_path: Path) -> None:
    path = written(small_recipe(**LONG), tmp_path / "recipe.yaml")
    process = torchrun("vaestro", "train", path, "--run", tmp_path / "run")
    until_under_way(tmp_path / "run")
    os.kill(rank_of(process.pid, 1), signal.SIGTERM)
    done(process, None)
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["status"] == "interrupted"
    display = Silent()
    training.resume(tmp_path / "run", lambda stored: stored, display)
    assert any("had 2 processes and goes on with 1" in line for line in display.said)
    training.start(small_recipe(**LONG), tmp_path / "one", Silent())
    ours, theirs = records(tmp_path / "run"), records(tmp_path / "one")
    assert [one["step"] for one in ours] == [one["step"] for one in theirs]
    assert ours[-1]["loss"] == pytest.approx(theirs[-1]["loss"], rel=0.02)


@pytest.mark.slow
def test_a_step_that_is_not_finite_is_refused_by_all(tmp_path: Path) -> None:
    """With the message of one process, and its last good weights."""
    recipe = small_recipe(
        model={"likelihood": {"kind": "gaussian"}},
        training={"learning_rate": 1e25, "optimiser": "rmsprop", "monitor": "off"},
    )
    path = written(recipe, tmp_path / "recipe.yaml")
    told = done(torchrun("vaestro", "train", path, "--run", tmp_path / "two"), None)
    display = Silent()
    training.start(recipe, tmp_path / "one", display)
    one, two = (json.loads((tmp_path / run / "summary.json").read_text()) for run in ("one", "two"))
    assert (one["status"], two["status"]) == ("diverged", "diverged")
    assert one["steps"] == two["steps"]
    assert [line["sentence"] for line in events(tmp_path / "two")] == [
        line["sentence"] for line in events(tmp_path / "one")
    ]
    assert "[rank" not in told  # how torch begins the lines of an unforeseen error


def events(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_a_population_and_other_files_are_refused_in_one_line(tmp_path: Path) -> None:
    told = done(torchrun("vaestro", "train", "digits", "--seeds", "2"), None)
    assert "error: a population is trained by one process, and torchrun started 2" in told


@pytest.mark.slow
def test_a_group_that_is_held_for_good_aborts_no_process_that_is_done() -> None:
    for _ in range(4):  # without the pause each run fails about every other time
        done(torchrun("tests.distributed_end"))


@pytest.mark.slow
def test_the_page_shards_a_model_and_its_weights_are_those_of_one_process(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "distributed.md").read_text()
    (text,) = re.findall(r"```python\n(.*?)```", page, re.S)
    (tmp_path / "sharded.py").write_text(text)
    done(torchrun("sharded", folder=tmp_path))
    found = torch.load(tmp_path / "volumes.pt", weights_only=True)
    (edits,) = re.findall(r"edits = (\[.*?\])", text, re.S)
    recipe = read_recipe("volumes", ast.literal_eval(edits))
    parts = assemble(recipe, planning.choose(recipe.training))
    state = parts.fresh_state()
    stepper = Stepper(parts.task, recipe.training, parts.horizon, recipe.seed)
    for step in range(parts.horizon.steps):
        stepper.take(state, parts.stream.batch(step))
    assert parts.horizon.steps > 4
    wanted = parts.vae.state_dict()
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        assert torch.allclose(found[name], value, rtol=0, atol=1e-4), name
