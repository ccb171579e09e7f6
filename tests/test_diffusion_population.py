"""Populations of diffusion priors: every member is the prior that it is alone."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.conftest import Silent
from tests.test_diffusion_runs import MODELS, recipe_of, trained_on, trained_runs
from tests.test_population import Shown, member
from tests.test_resume import Killed
from vaestro.cli.main import main
from vaestro.experiments.diffusion import population as together
from vaestro.experiments.diffusion import train as alone
from vaestro.experiments.diffusion.recipe import with_edits
from vaestro.experiments.diffusion.train import folder_of
from vaestro.experiments.population.variations import Edits, crossed
from vaestro.experiments.run import Run, load
from vaestro.foundation.errors import RecipeError, RunFolderError
from vaestro.generation.diffusion.prior import DiffusionPrior
from vaestro.training.population import step as stepping

CONVOLUTION: dict[str, Any] = {"encoder": {"kind": "convolution", "channels": [2]}}
CONVOLUTION |= {"decoder": {"kind": "convolution", "channels": [2]}}
VOLUMES: dict[str, Any] = {
    "data": {"kind": "molecules", "samples": 60, "size": 8},
    "model": {
        "latent": 2,
        "spatial": True,
        "likelihood": {"kind": "gaussian", "variance": {"kind": "optimal"}},
        **CONVOLUTION,
    },
    "training": {"batch_size": 20},
}
KINDS = {
    "volumes": VOLUMES,
    **{name: MODELS[name] for name in ("flat", "grid", "lengths", "lines")},
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small runs: flat latents, and such on grids of 1, 2 and 3 axes."""
    return trained_runs(tmp_path_factory.mktemp("runs"), KINDS)


@pytest.fixture
def flat(trained: Path, tmp_path: Path) -> Run:
    """The plain run, in a folder of its own."""
    return copied(trained, "flat", tmp_path / "run")


def copied(trained: Path, name: str, root: Path) -> Run:
    return load(shutil.copytree(trained / name, root))


def priors(run: Run) -> Path:
    return folder_of(run).root


def history(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "prior.safetensors")


def assert_alike(ours: Path, theirs: Path, close: float) -> None:
    """Two priors' histories and weights are the same, up to `close` of themselves."""
    lines = list(zip(history(ours), history(theirs), strict=True))
    assert len(lines) > 2
    for one, other in lines:
        assert one.pop("split") == other.pop("split")
        assert one == pytest.approx(other, rel=close, abs=close)
    one, other = tensors(ours), tensors(theirs)
    assert one.keys() == other.keys()
    for name, values in one.items():
        torch.testing.assert_close(values, other[name], rtol=close, atol=10 * close)


# as alone

CASES: list[tuple[str, list[str], list[Edits]]] = [
    ("flat", [], [("seed=1", "training.learning_rate=2e-3"), ("seed=2", "training.ema=0.9")]),
    ("flat", ["path=ddpm", "condition=none"], [(), ("seed=1",)]),
    (
        "flat",
        ["denoiser.dropout=0.3", "condition.dropout=0.5"],
        [("seed=1", "denoiser.dropout=0.1"), ("seed=1", "condition.dropout=0.2")],
    ),
    ("flat", ["training.log_steps=1"], [(), ("training.clip_norm=0.01",), ("training.epochs=2",)]),
    ("lengths", [], [("seed=1",), ("seed=2", "condition.dropout=0.3")]),
    ("lines", ["denoiser.channels=[8]"], [("seed=1",), ("seed=2",)]),
    ("volumes", ["denoiser.channels=[8]"], [("seed=1",), ("seed=2",)]),
]
LONG = (
    "grid",
    ["denoiser.channels=[8]"],
    [("seed=1",), ("seed=1", "denoiser.initialisation=xavier")],
)


@pytest.mark.parametrize(
    ("name", "base", "edits"), [*CASES, pytest.param(*LONG, marks=pytest.mark.slow)]
)
def test_a_member_is_the_prior_that_it_is_alone(
    name: str, base: list[str], edits: list[Edits], trained: Path, tmp_path: Path
) -> None:
    run = copied(trained, name, tmp_path / "together")
    recipe = recipe_of(run, "training.precision=fp64", "training.batch_size=20", *base)
    recipe = with_edits(recipe, ["training.epochs=1"])
    summary = together.start(run, recipe, edits, Shown(), width=4)
    assert [stack["choice"]["width"] for stack in summary["stacks"]] == [len(edits)]
    for number, one in enumerate(edits):
        single = copied(trained, name, tmp_path / f"alone-{number}")
        alone.start(single, with_edits(recipe, one), Silent())
        assert_alike(member(priors(run), number), priors(single), 1e-7)
    assert history(member(priors(run), 0)) != history(member(priors(run), 1))


def test_in_32_bits_a_member_stays_within_1e_5_over_100_steps(
    trained: Path, tmp_path: Path
) -> None:
    run = copied(trained, "flat", tmp_path / "together")
    recipe = recipe_of(run, "training.batch_size=60", "training.epochs=5")
    edits = crossed(["training.learning_rate=3e-5,1e-4"], 2)
    together.start(run, recipe, edits, Shown(), width=4)
    for number, one in enumerate(edits):
        single = copied(trained, "flat", tmp_path / f"alone-{number}")
        steps = alone.start(single, with_edits(recipe, one), Silent())["steps"]
        assert steps == 100
        ours, theirs = (history(f) for f in (member(priors(run), number), priors(single)))
        for line, other in zip(ours, theirs, strict=True):
            assert line["loss"] == pytest.approx(other["loss"], rel=1e-5)


def test_a_member_that_diverges_touches_no_other(trained: Path, tmp_path: Path) -> None:
    """Also where it is the only one that is not: the best is one that did not."""
    runs = [copied(trained, "flat", tmp_path / name) for name in "ab"]
    recipe = recipe_of(runs[0], "training.precision=fp64", "training.clip_norm=null")
    good: list[Edits] = [("seed=1",), ("seed=2",)]
    bad = ("seed=3", "training.learning_rate=1e200")
    summary = together.start(runs[0], recipe, [*good, bad], Shown(), width=4)
    together.start(runs[1], recipe, good, Shown(), width=4)
    assert [row["verdict"] == "diverged" for row in summary["members"]] == [False, False, True]
    told = json.loads((member(priors(runs[0]), 2) / "summary.json").read_text())
    assert told["status"] == "diverged" and "not finite" in told["sentence"]
    assert summary["best"] in (0, 1)
    for number in (0, 1):
        assert_alike(*(member(priors(run), number) for run in runs), 1e-9)  # type: ignore[misc]


# resume


def test_a_population_that_was_killed_goes_on_bit_identically(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in the middle of an epoch, twice; members leave and join before and after."""
    straight, killed = (copied(trained, "flat", tmp_path / name) for name in "ab")
    recipe = recipe_of(straight, "training.checkpoint_seconds=0.01", "training.ema=0.9")
    recipe = with_edits(recipe, ["training.batch_size=100"])
    edits: list[Edits] = [("training.epochs=2",), ("seed=1",), ("training.learning_rate=1e-2",)]
    together.start(straight, recipe, edits, Shown(), width=2)
    take, steps = stepping.PopulationStepper.take, [0]

    def dying(self: stepping.PopulationStepper) -> Any:
        steps[0] += 1
        if steps[0] in (8, 17):
            raise Killed
        return take(self)

    with monkeypatch.context() as patched:
        patched.setattr(stepping.PopulationStepper, "take", dying)
        with pytest.raises(Killed):
            together.start(killed, recipe, edits, Shown(), width=2)
        with pytest.raises(RunFolderError, match="no whole prior"):
            killed.fitted_prior("diffusion")
        with pytest.raises(Killed):
            together.resume(killed, Shown())
        assert together.resume(killed, Shown())["status"] == "finished"
    for number in range(3):
        ours, theirs = (member(priors(run), number) for run in (straight, killed))
        assert (ours / "history.jsonl").read_bytes() == (theirs / "history.jsonl").read_bytes()
        one, other = tensors(ours), tensors(theirs)
        assert [name for name in one if not torch.equal(one[name], other[name])] == []


@pytest.mark.slow
def test_kill_9_of_a_real_process(trained: Path, tmp_path: Path) -> None:
    """A real SIGKILL in the middle, and then to the end: the histories of one left alone."""
    edits = ["denoiser.width=16", "denoiser.blocks=1", "embedding=8", "sampling.steps=4"]
    edits += ["training.epochs=150", "training.validate_epochs=30", "training.batch_size=200"]
    edits += ["training.checkpoint_seconds=0.2", "training.early_stopping=null"]
    sets = [part for edit in edits for part in ("--set", edit)]

    def spawned(name: str, *more: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "vaestro", "diffuse", str(tmp_path / name), *more],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

    runs = [copied(trained, "flat", tmp_path / name) for name in ("straight", "killed")]
    asked = (*sets, "--seeds", "2", "--width", "2")
    assert spawned("straight", *asked).wait(120) == 0
    process = spawned("killed", *asked)
    folder = member(priors(runs[1]), 1)
    deadline = time.monotonic() + 60
    while not list(folder.glob("checkpoints/step-*[1-9]*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (priors(runs[1]) / "config.json").exists()
    assert spawned("killed", "--resume").wait(120) == 0
    for number in (0, 1):
        ours, theirs = (member(priors(run), number) for run in runs)
        assert (ours / "history.jsonl").read_bytes() == (theirs / "history.jsonl").read_bytes()
        one, other = tensors(ours), tensors(theirs)
        assert all(torch.equal(one[name], other[name]) for name in one)


# which one is drawn from


def test_the_best_on_held_out_latents_is_drawn_from_and_each_by_name(flat: Run) -> None:
    recipe = recipe_of(flat, "training.ema=0.5", "training.early_stopping=null")
    edits: list[Edits] = [("training.learning_rate=0.3",), ("training.learning_rate=1e-9",)]
    summary = together.start(flat, recipe, edits, Shown(), width=2)
    nats = [row["held_out_nats"] for row in summary["members"]]
    assert nats[1] > nats[0] + 0.05
    assert summary["best"] == 1 and "member 001" in summary["sentence"]
    drawn = {
        name: flat.sample(4, seed=3, source=name)
        for name in ("diffusion", "diffusion/000", "diffusion/001")
    }
    np.testing.assert_array_equal(drawn["diffusion"], drawn["diffusion/001"])
    assert not np.array_equal(drawn["diffusion"], drawn["diffusion/000"])
    config = json.loads((priors(flat) / "config.json").read_text())
    assert config["fitted"]["member"] == "001"
    assert config["measured"]["held_out_nats"] == nats[1]
    assert isinstance(flat.fitted_prior("diffusion"), DiffusionPrior)
    with pytest.raises(RunFolderError, match=r"no such member .*legal: 000 to 001"):
        flat.fitted_prior("diffusion/007")
    with pytest.raises(RecipeError, match="no such prior"):
        flat.fitted_prior("diffusion/x")


def test_other_shapes_train_in_stacks_of_their_own_and_one_by_one(flat: Run) -> None:
    edits: list[Edits] = [("denoiser.width=8",), (), ("path=ddpm",), ("seed=1",)]
    shown = Shown()
    summary = together.start(flat, recipe_of(flat), edits, shown, width=1)
    assert [stack["members"] for stack in summary["stacks"]] == [[0], [1, 3], [2]]
    assert [row["status"] for row in summary["members"]] == ["finished"] * 4
    assert all(row["held_out_nats"] is not None for row in summary["members"])


def test_the_choice_is_measured_and_kept(flat: Run) -> None:
    shown = Shown()
    summary = together.start(flat, recipe_of(flat), crossed((), 2), shown)
    choice = summary["stacks"][0]["choice"]
    assert choice["seconds"].keys() == {"1", "2"}
    assert choice["reason"] in shown.said
    kept = json.loads((priors(flat) / "population.json").read_text())
    assert kept["stacks"][0]["choice"] == choice
    before = history(member(priors(flat), 0))
    assert together.resume(flat, Shown())["best"] == summary["best"]
    assert history(member(priors(flat), 0)) == before


# mistakes


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ([(), ("denoiser.width=-1",)], "member 1 .*denoiser.width"),
        ([(), ("denoiser=unet",)], "member 1: .*kind=dense"),
        ([(), ("training.batch_size=100000",)], "member 1: .*larger than"),
        ([("condition={kind: covariates, names: age}",)], "member 0: .*no such covariate"),
    ],
)
def test_a_wrong_member_is_refused_before_anything_is_written(
    edits: list[Edits], words: str, flat: Run
) -> None:
    with pytest.raises(Exception, match=words) as fault:
        together.start(flat, recipe_of(flat), edits, Shown())
    assert "\n" not in str(fault.value)
    assert not priors(flat).exists()


def test_one_for_another_model_is_refused_and_replaced(flat: Run) -> None:
    recipe = recipe_of(flat)
    together.start(flat, recipe, crossed((), 2), Shown(), width=2)
    for attempt in (
        lambda: together.start(flat, recipe, crossed((), 2), Shown()),
        lambda: alone.start(flat, recipe, Silent()),
    ):
        with pytest.raises(RunFolderError, match="add --resume"):
            attempt()
    run, display = trained_on(flat), Silent()
    for attempt in (
        lambda: together.resume(run, Shown()),
        lambda: run.fitted_prior("diffusion"),
        lambda: run.fitted_prior("diffusion/000"),
    ):
        with pytest.raises(RunFolderError, match="vaestro diffuse"):
            attempt()
    alone.start(run, recipe, display)
    assert "replacing" in display.said[0]
    assert not (priors(run) / "population.json").exists()


@pytest.mark.slow
def test_the_commands(flat: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, out = str(flat.folder.root), tmp_path / "x.npz"

    def said(*arguments: str) -> tuple[Any, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        told = capsys.readouterr()
        return ended.value.code, told.out, told.err

    sets = ["denoiser.width=16", "denoiser.blocks=1", "embedding=8", "sampling.steps=4"]
    sets += ["training.epochs=2", "training.validate_epochs=1", "training.batch_size=200"]
    asked = ["diffuse", root, *(part for edit in sets for part in ("--set", edit))]
    code, _, words = said(*asked, "--width", "2")
    assert (code, "--width is of a population" in words) == (2, True)
    vary = ("--vary", "training.learning_rate=1e-4,1e-2", "--seeds", "2", "--width", "4")
    code, told, words = said(*asked, *vary, "--json")
    assert code == 0
    best = json.loads(told)["best"]
    assert "held out nats" in words and "001" in words
    code, told, _ = said("sample", root, "--from", "diffusion", "--out", str(out), "--json")
    assert (code, json.loads(told)["from"]) == (0, f"diffusion/{best:03d}")
    code, told, _ = said("sample", root, "--from", "diffusion", "--out", str(out))
    assert f"from diffusion/{best:03d}" in told
    named = said("sample", root, "--from", "diffusion/000", "--n", "2", "--out", str(out))
    assert named[0] == 0 and ", from" not in named[1]
    for more in (("--seeds", "2"), ("--set", "seed=3"), ("--width", "2")):
        code, _, words = said("diffuse", root, "--resume", *more)
        assert (code, words.count("\n")) == (2, 1)
        assert "give --resume alone" in words
    assert said("diffuse", root, "--resume")[0] == 0
    code, told, _ = said("fit-prior", root, "--kind", "gaussian")
    assert (code, f"member {best:03d}" in told) == (0, True)
