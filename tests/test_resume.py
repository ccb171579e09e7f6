"""Exact resume: a run that was stopped and resumed is bit-identical to one that never was."""

import json
import os
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

from tests.conftest import Silent, small_recipe
from vaestro.experiments import train as training
from vaestro.experiments.diagnosis.doctor import diagnose_run
from vaestro.experiments.recipe import Recipe, apply
from vaestro.experiments.run import load
from vaestro.foundation.errors import (
    CheckpointError,
    DataError,
    RecipeError,
    RunFolderError,
    StorageError,
)
from vaestro.runs.folder import RunFolder
from vaestro.training import step as stepping


class Killed(BaseException):
    """Stands for a kill -9 inside the process: nothing catches it."""


def train_straight(recipe: Recipe, root: Path) -> dict[str, Any]:
    return training.start(recipe, root, Silent())


def train_killed(recipe: Recipe, root: Path, at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Train until step `at` begins, then die on the spot."""
    take = stepping.Stepper.take

    def dying(self: stepping.Stepper, state: Any, batch: Any) -> None:
        if state.step == at:
            raise Killed
        take(self, state, batch)

    with monkeypatch.context() as patched:
        patched.setattr(stepping.Stepper, "take", dying)
        with pytest.raises(Killed):
            training.start(recipe, root, Silent())


def unchanged(recipe: Recipe) -> Recipe:
    return recipe


def assert_same_run(left: Path, right: Path) -> None:
    assert (left / "history.jsonl").read_bytes() == (right / "history.jsonl").read_bytes()
    ours, theirs = (load_file(p / "model" / "model.safetensors") for p in (left, right))
    assert ours.keys() == theirs.keys()
    assert [n for n in ours if not torch.equal(ours[n], theirs[n])] == []


LIKELIHOODS: list[dict[str, Any]] = [
    {"kind": "bernoulli"},
    {"kind": "continuous-bernoulli"},
    {"kind": "gaussian", "variance": {"kind": "fixed", "value": 0.1}},
    {"kind": "gaussian", "variance": {"kind": "shared"}},
    {"kind": "gaussian", "variance": {"kind": "optimal"}},
    {"kind": "gaussian", "variance": {"kind": "fitted"}},
    {"kind": "laplace", "scale": {"kind": "shared"}},
    {"kind": "student-t", "scale": {"kind": "shared"}},
    {"kind": "discretised-logistic", "scale": {"kind": "shared"}},
]
COUNTS: list[dict[str, Any]] = [
    {"kind": "poisson"},
    {"kind": "negative-binomial", "dispersion": {"kind": "shared"}},
]
POSTERIORS: list[dict[str, Any]] = [
    {"kind": "gaussian", "scale": {"kind": kind}}
    for kind in ("log-variance", "log-std", "softplus", "linear")
] + [{"kind": "deterministic"}, {"kind": "gaussian", "epsilon_std": 0.3}]
PRIORS: list[dict[str, Any]] = [
    {"posterior": "deterministic", "prior": {"kind": "adversarial"}},
    {"posterior": "deterministic", "prior": {"kind": "adversarial", "labels": True, "pull": "js"}},
]
NETWORKS: list[dict[str, Any]] = [
    {"kind": "dense", "widths": [16, 16], "normalisation": "batch", "dropout": 0.2},
    {"kind": "dense", "widths": [16, 16], "normalisation": "group", "residual": True},
    {"kind": "dense", "widths": []},
    {"kind": "convolution", "channels": [4, 8], "normalisation": "batch", "blocks": 1},
    {"kind": "convolution", "channels": [4], "normalisation": "group", "kernel": 4},
]
TRAININGS: list[dict[str, Any]] = [
    {"optimiser": {"kind": "adamw"}, "weight_decay": 0.01, "clip_norm": 1.0},
    {"optimiser": {"kind": "rmsprop", "momentum": 0.5}, "ema": 0.9},
    {"early_stopping": {"patience": 50}, "log_steps": 2, "ema": 0.5},
    {"precision": "bf16"},
    {"precision": "fp64"},
]
BETAS: list[Any] = [
    {"kind": "geco", "target": 20.0},
    {"kind": "capacity", "end": 5.0, "length": "6 steps"},
    {"kind": "cyclical", "length": "8 steps"},
]
CASES: list[dict[str, Any]] = [
    *({"model": {"likelihood": one}} for one in LIKELIHOODS),
    *({"model": {"posterior": one}} for one in POSTERIORS),
    *({"model": one} for one in PRIORS),
    *({"model": {"encoder": one, "decoder": one}} for one in NETWORKS),
    *({"training": one} for one in TRAININGS),
    *({"objective": {"beta": one}} for one in BETAS),
    {"transform": {"kind": "standardise"}, "model": {"likelihood": {"kind": "gaussian"}}},
    {"transform": {"kind": "pca", "components": 9}, "model": {"likelihood": {"kind": "gaussian"}}},
    {
        "transform": {"kind": "pca", "components": 0.7, "whiten": True},
        "model": {"likelihood": {"kind": "gaussian", "variance": {"kind": "shared"}}},
    },
    {"augmentation": {"kind": "symmetries", "mirror": True}},
    {
        "augmentation": {"kind": "symmetries"},
        "transform": {"kind": "pca", "components": 9},
        "model": {"likelihood": {"kind": "gaussian"}},
    },
    {  # rendered anew in every epoch, read ahead by a thread
        "data": {"kind": "molecules", "size": 6, "samples": 180, "molecules": 12},
        "transform": {"kind": "standardise"},
        "model": {"likelihood": {"kind": "gaussian"}},
        "training": {"batch_size": 20},
    },
    {
        "data": {"kind": "bundles", "streamlines": 190, "points": 16},
        "transform": {"kind": "standardise", "per": "channel", "scale": "one"},
        "model": {
            "encoder": {"kind": "convolution", "channels": [4, 8]},
            "decoder": {"kind": "convolution", "channels": [8, 4]},
            "likelihood": {"kind": "gaussian", "variance": {"kind": "optimal"}},
        },
        "training": {"batch_size": 20},
    },
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: json.dumps(case)[:70])
def test_killed_in_mid_epoch_equals_straight(
    case: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """6 steps an epoch, a checkpoint every 4, killed before step 11: resumes from 8, mid-epoch."""
    recipe = small_recipe(**case)
    recipe = apply(recipe, ["training.checkpoint_steps=4"])
    train_straight(recipe, tmp_path / "straight")
    train_killed(recipe, tmp_path / "killed", 11, monkeypatch)
    assert not (tmp_path / "killed" / "model").exists()
    display = Silent()
    summary = training.resume(tmp_path / "killed", unchanged, display)
    assert display.steps[0] == 8
    assert summary["status"] in ("finished", "stopped_early")
    assert_same_run(tmp_path / "straight", tmp_path / "killed")


@pytest.mark.parametrize("likelihood", COUNTS, ids=lambda one: one["kind"])
def test_counts_resume_too(
    likelihood: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = np.random.default_rng(0).poisson(3.0, (600, 12)).astype(np.int32)
    np.savez(tmp_path / "counts.npz", counts=counts)
    recipe = small_recipe(
        data={"kind": "arrays", "path": str(tmp_path / "counts.npz")},
        model={"likelihood": likelihood},
        training={"batch_size": 80, "checkpoint_steps": 3},
    )
    train_straight(recipe, tmp_path / "straight")
    train_killed(recipe, tmp_path / "killed", 8, monkeypatch)
    training.resume(tmp_path / "killed", unchanged, Silent())
    assert_same_run(tmp_path / "straight", tmp_path / "killed")


def spawn(root: Path, *arguments: str, stderr: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "vaestro", "train", "digits", "--run", str(root)]
    settings = ["training.epochs=30", "training.checkpoint_steps=7", "training.threads=1"]
    sets = [part for s in settings for part in ("--set", s)]
    return subprocess.Popen(
        [*command, *sets, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


@pytest.mark.slow
def test_kill_9_at_any_moment(tmp_path: Path) -> None:
    """A real process, a real SIGKILL, three times at different moments, and then to the end."""
    straight = spawn(tmp_path / "straight")
    assert straight.wait(120) == 0
    killed, in_the_middle = tmp_path / "killed", 0
    for round_, seconds in enumerate((0.1, 0.4, 0.8)):
        process = spawn(killed, *(["--resume"] if round_ else []))
        deadline = time.monotonic() + 60
        while not (killed / "history.jsonl").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(seconds + (3.0 if round_ else 0.0))
        alive = process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        in_the_middle += alive and not (killed / "summary.json").exists()
    assert in_the_middle >= 1  # at least one of the three hit a run that was training
    last = spawn(killed, "--resume")
    assert last.wait(120) == 0
    assert_same_run(tmp_path / "straight", killed)


def test_interrupt_leaves_a_checkpoint_and_resumes(tmp_path: Path) -> None:
    root = tmp_path / "run"
    process = spawn(root, "--set", "training.epochs=3000", stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not list(root.glob("checkpoints/step-*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, prose = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"Traceback" not in prose
    assert json.loads((root / "summary.json").read_text())["status"] == "interrupted"


@pytest.mark.parametrize("validate_epochs", [1, 2])
def test_more_epochs_equal_the_long_run(validate_epochs: int, tmp_path: Path) -> None:
    short = small_recipe(training={"epochs": 3, "validate_epochs": validate_epochs})
    long = small_recipe(training={"epochs": 4, "validate_epochs": validate_epochs})
    train_straight(long, tmp_path / "long")
    train_straight(short, tmp_path / "short")
    display = Silent()
    training.resume(tmp_path / "short", lambda r: apply(r, ["training.epochs=4"]), display)
    assert display.said == []
    assert_same_run(tmp_path / "long", tmp_path / "short")


def test_more_epochs_with_a_schedule_over_the_run_is_said(tmp_path: Path) -> None:
    recipe = small_recipe(objective={"beta": "linear"})
    train_straight(recipe, tmp_path / "run")
    display = Silent()
    training.resume(tmp_path / "run", lambda r: apply(r, ["training.epochs=4"]), display)
    assert any("fraction of the run" in text for text in display.said)


def test_resume_of_a_finished_run_changes_nothing(tmp_path: Path) -> None:
    root = tmp_path / "run"
    first = train_straight(small_recipe(), root)
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in root.rglob("*") if p.is_file()}
    assert training.resume(root, unchanged, Silent()) == first
    after = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in root.rglob("*") if p.is_file()}
    assert before == after


def test_resume_without_a_checkpoint_starts_at_step_0(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = small_recipe()
    train_straight(recipe, tmp_path / "straight")
    train_killed(recipe, tmp_path / "killed", 3, monkeypatch)
    display = Silent()
    training.resume(tmp_path / "killed", unchanged, display)
    assert any("starting at step 0" in text for text in display.said)
    assert_same_run(tmp_path / "straight", tmp_path / "killed")


def test_resume_refuses_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="no folder"):
        training.resume(tmp_path / "nothing", unchanged, Silent())


def test_resume_refuses_a_changed_recipe_naming_the_fields(tmp_path: Path) -> None:
    train_straight(small_recipe(), tmp_path / "run")
    with pytest.raises(RecipeError, match=r"objective\.beta\.value.*start a new run"):
        training.resume(tmp_path / "run", lambda r: apply(r, ["objective.beta=3"]), Silent())


def killed_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A straight run and one killed after two checkpoints (steps 3 and 6)."""
    recipe = small_recipe(training={"checkpoint_steps": 3})
    train_straight(recipe, tmp_path / "straight")
    train_killed(recipe, tmp_path / "killed", 8, monkeypatch)
    return tmp_path / "straight", tmp_path / "killed"


@pytest.mark.parametrize("name", ["state.safetensors", "state.json"])
def test_a_flipped_bit_is_named_and_the_older_checkpoint_resumes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight, killed = killed_run(tmp_path, monkeypatch)
    path = killed / "checkpoints" / "step-00000006" / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    display = Silent()
    training.resume(killed, unchanged, display)
    assert any("step-00000006" in t and "damaged" in t for t in display.said)
    assert display.steps[0] == 3
    assert_same_run(straight, killed)


def test_a_checkpoint_that_lacks_a_parameter_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.torch import save_file

    from vaestro.training import checkpoints

    _, killed = killed_run(tmp_path, monkeypatch)
    path = killed / "checkpoints" / "step-00000006"
    tensors = load_file(path / "state.safetensors")
    del tensors["module/decoder.head.weight"]
    save_file(tensors, path / "state.safetensors")
    sealed = json.loads((path / "state.json").read_text())
    body = sealed["body"] | {"sha256": checkpoints._digest(path / "state.safetensors")}
    (path / "state.json").write_text(json.dumps({"body": body, "sha256": checkpoints._seal(body)}))
    history = (killed / "history.jsonl").read_bytes()
    with pytest.raises(CheckpointError, match=r"lacks module/decoder\.head\.weight"):
        training.resume(killed, unchanged, Silent())
    assert (killed / "history.jsonl").read_bytes() == history


def test_all_checkpoints_damaged_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, killed = killed_run(tmp_path, monkeypatch)
    for path in (killed / "checkpoints").glob("*/state.safetensors"):
        path.write_bytes(b"")
    with pytest.raises(CheckpointError, match="every checkpoint"):
        training.resume(killed, unchanged, Silent())


def test_a_full_disk_during_a_checkpoint_leaves_the_older_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operating system itself refuses the write: a file-size limit stands for a full disk."""
    import resource

    recipe = small_recipe(training={"checkpoint_steps": 3})
    straight, root = tmp_path / "straight", tmp_path / "full"
    train_straight(recipe, straight)
    take = stepping.Stepper.take
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def filling(self: stepping.Stepper, state: Any, batch: Any) -> None:
        take(self, state, batch)
        if state.step == 6:
            resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))

    with monkeypatch.context() as patched:
        patched.setattr(stepping.Stepper, "take", filling)
        old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        try:
            with pytest.raises((StorageError, OSError)):
                training.start(recipe, root, Silent())
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, old)
    names = [p.name for p in (root / "checkpoints").iterdir()]
    assert names == ["step-00000003"]
    training.resume(root, unchanged, Silent())
    assert_same_run(straight, root)


def test_two_processes_do_not_share_a_folder(tmp_path: Path) -> None:
    from vaestro.runs.lock import locked

    root = tmp_path / "run"
    train_straight(small_recipe(), root)
    with locked(root), pytest.raises(RunFolderError, match="another process"):
        training.resume(root, unchanged, Silent())


def test_checkpoints_keep_the_newest_two_and_the_plan(tmp_path: Path) -> None:
    train_straight(small_recipe(training={"checkpoint_steps": 2}), tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    names = sorted(p.name for p in folder.checkpoints.iterdir())
    assert names == ["step-00000010", "step-00000012"]
    body = json.loads((folder.checkpoints / names[0] / "state.json").read_text())["body"]
    assert body["plan"] == folder.read_manifest()["plan"]
    assert body["plan"]["threads"] == 1


def table(path: Path, rows: int, columns: int = 6, seed: int = 0, shift: float = 0.0) -> None:
    """A table whose first rows are the same however many there are."""
    x = np.random.default_rng(seed).normal(size=(rows, columns)) + shift
    np.savetxt(path, x, delimiter=",", header=",".join("abcdefgh"[:columns]), comments="")


def trained_on_a_table(folder: Path) -> tuple[Path, Path]:
    """The table, and a run on it of one epoch."""
    table(folder / "t.csv", 80)
    recipe = small_recipe(
        data={"kind": "arrays", "path": str(folder / "t.csv")},
        model={"likelihood": {"kind": "gaussian"}},
        training={"batch_size": 20, "epochs": 1},
    )
    train_straight(recipe, folder / "run")
    return folder / "t.csv", folder / "run"


def longer(recipe: Recipe) -> Recipe:
    return apply(recipe, ["training.epochs=2"])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"rows": 120}, "holds 120 samples of shape (6,) now"),
        ({"rows": 80, "seed": 1}, "holds as many now, with other numbers"),
        ({"rows": 80, "columns": 5}, "holds 80 samples of shape (5,) now"),
    ],
)
def test_other_data_are_refused(changed: dict[str, Any], said: str, tmp_path: Path) -> None:
    """Their split would be another one: what was held out would be trained on."""
    path, run = trained_on_a_table(tmp_path)
    before = {p: p.read_bytes() for p in run.rglob("*") if p.is_file()}
    table(path, **changed)
    with pytest.raises(DataError) as caught:
        training.resume(run, longer, Silent())
    told = str(caught.value)
    assert told.startswith(f"{run} was trained on 80 samples of shape (6,), and t.csv {said}")
    assert told.endswith("restore them, or start a new run")
    for measured in (lambda: load(run).evaluate("test"), lambda: diagnose_run(run)):
        with pytest.raises(DataError) as caught:
            measured()
        assert str(caught.value).startswith(told.partition(";")[0])
        assert str(caught.value).endswith("restore them, or give these as --data FILE")
    assert len(load(run).sample(3)) == 3  # needs no data
    assert before == {p: p.read_bytes() for p in run.rglob("*") if p.is_file()}
    table(path, 80)
    assert training.resume(run, longer, Silent())["status"] == "finished"


def test_a_run_without_a_digest_goes_on(tmp_path: Path) -> None:
    """As earlier versions left it."""
    path, run = trained_on_a_table(tmp_path)
    manifest = json.loads((run / "manifest.json").read_text())
    del manifest["data"]["digest"]
    (run / "manifest.json").write_text(json.dumps(manifest))
    table(path, 80, shift=0.1)
    assert training.resume(run, longer, Silent())["status"] == "finished"


def test_data_that_a_recipe_decides_have_no_digest(tmp_path: Path) -> None:
    """Their last digits may differ on the machine where a run goes on."""
    train_straight(small_recipe(), tmp_path / "run")
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert "digest" not in manifest["data"]
