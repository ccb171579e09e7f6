"""The command line as programs use it: JSON on stdout, exit codes, one line for a mistake."""

import errno
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
from PIL import Image

from tests.conftest import arrays_in
from vaestro.cli.main import COMMANDS, main
from vaestro.cli.refusal import refusal
from vaestro.experiments.run import load
from vaestro.foundation.errors import DataError

FAST = [
    *("--set", "training.epochs=3"),
    *("--set", "training.threads=1"),
    *("--set", "training.early_stopping=null"),
]


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of one command in this process."""
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    captured = capsys.readouterr()
    code = ended.value.code
    return (code if isinstance(code, int) else 1), captured.out, captured.err


def record(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    code, out, err = call(capsys, *arguments, "--json")
    assert code == 0, err
    assert out.count("\n") == 1
    return dict(json.loads(out))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("cli") / "run"
    with pytest.raises(SystemExit):
        main(["train", "digits", "--run", str(root), *FAST])
    return root


def test_train_prints_what_is_promised(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    summary = record(capsys, "train", "--run", str(tmp_path / "r"), *FAST)
    assert summary["status"] == "finished"
    assert summary["steps"] == 3 * 19
    assert summary["verdict"] == "undertrained"  # 3 epochs
    assert summary["samples_per_second"] > 0
    assert (summary["effective_beta"], summary["effective_variance"]) == (1.0, None)
    for split in ("train", "validation"):
        keys = {"loss", "data_term", "prior_term", "mse", "live_dimensions"}
        assert keys <= summary[split].keys()
    layout = {
        *("recipe.yaml", "manifest.json", "history.jsonl", "summary.json", "report.html"),
        *("checkpoints", "model", "pictures", "snapshots"),
    }
    assert layout <= {p.name for p in (tmp_path / "r").iterdir()}


def test_history_has_the_promised_keys_and_no_times(run: Path) -> None:
    rows = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    keys = {"step", "epoch", "split", "data_term", "prior_term", "beta", "loss", "live_dimensions"}
    assert all(keys <= row.keys() for row in rows)
    assert not any("second" in key or "time" in key for row in rows for key in row)
    assert [row["epoch"] for row in rows if row["split"] == "train"] == [1, 2, 3]
    assert [row["epoch"] for row in rows if row["split"] == "validation"] == [0, 1, 2, 3]


def test_default_folders_are_numbered(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for number in (1, 2):
        summary = record(capsys, "train", *FAST, "--set", "name=mine")
        assert Path(summary["run"]) == Path("runs") / f"mine-00{number}"


def test_evaluate(capsys: pytest.CaptureFixture[str], run: Path) -> None:
    got = record(capsys, "evaluate", str(run), "--samples", "16")
    assert got["elbo"] <= -got["nll"] + 1e-6
    assert got["nll_samples"] == 16
    assert got["n"] == 270
    assert got["elbo"] == pytest.approx(-(got["data_term"] + got["prior_term"]))
    assert json.loads((run / "evaluation.json").read_text()) == got
    again = record(capsys, "evaluate", str(run), "--samples", "16")
    assert again == got
    assert record(capsys, "evaluate", str(run), "--split", "train")["n"] == 1222


@pytest.mark.parametrize("ending", ["png", "npz", "npy", "csv"])
def test_samples_in_every_format(
    ending: str, capsys: pytest.CaptureFixture[str], run: Path, tmp_path: Path
) -> None:
    out = tmp_path / f"s.{ending}"
    assert record(capsys, "sample", str(run), "--out", str(out), "--n", "9")["n"] == 9
    if ending == "png":
        with Image.open(out) as picture:
            assert picture.size[0] >= 3 * 8
    if ending == "npz":
        assert arrays_in(out)["samples"].shape == (9, 1, 8, 8)
    if ending == "npy":
        assert np.load(out).shape == (9, 1, 8, 8)
    if ending == "csv":
        assert len(out.read_text().splitlines()) == 10


def test_the_same_seed_gives_the_same_samples(
    capsys: pytest.CaptureFixture[str], run: Path, tmp_path: Path
) -> None:
    def drawn(name: str, *more: str) -> np.ndarray:
        out = tmp_path / f"{name}.npy"
        record(capsys, "sample", str(run), "--out", str(out), "--n", "5", *more)
        return np.load(out)

    first = drawn("a", "--seed", "3")
    assert np.array_equal(first, drawn("b", "--seed", "3"))
    assert not np.array_equal(first, drawn("c", "--seed", "4"))
    assert not np.array_equal(first, drawn("d", "--seed", "3", "--noise"))


def test_encode_then_decode_is_reconstruct(
    capsys: pytest.CaptureFixture[str], run: Path, tmp_path: Path
) -> None:
    latents, decoded, pairs = (tmp_path / n for n in ("l.npz", "d.npz", "p.npz"))
    assert record(capsys, "encode", str(run), "--out", str(latents))["n"] == 270
    stored = arrays_in(latents)
    assert stored["mean"].shape == (270, 12)
    assert stored["labels"].shape == (270,)
    record(capsys, "decode", str(run), str(latents), "--out", str(decoded))
    shown = record(capsys, "reconstruct", str(run), "--out", str(pairs), "--n", "270")
    pair = arrays_in(pairs)
    np.testing.assert_allclose(arrays_in(decoded)["samples"], pair["reconstruction"], atol=1e-5)
    mse = float(((pair["original"] - pair["reconstruction"]) ** 2).mean())
    assert shown["mse"] == pytest.approx(mse, rel=1e-4)


def test_the_summary_says_what_the_reduction_means(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A mean over 64 pixels of squared error at beta 1 is a Gaussian of variance 32."""
    mean = ["--set", "objective.reduction=mean", "--set", "model.likelihood.variance=0.5"]
    code, out, err = call(capsys, "train", "--run", str(tmp_path / "r"), *FAST, *mean, "--json")
    assert code == 0
    assert json.loads(out)["effective_variance"] == pytest.approx(32.0)
    assert json.loads(out)["effective_beta"] == pytest.approx(64.0)
    assert "effective beta 64, effective observation variance 32" in err


def test_data_of_ones_own(capsys: pytest.CaptureFixture[str], run: Path, tmp_path: Path) -> None:
    x = np.random.default_rng(0).random((7, 1, 8, 8)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    given = ["--data", str(tmp_path / "x.npy")]
    assert record(capsys, "evaluate", str(run), *given)["n"] == 7
    out = tmp_path / "l.npz"
    assert record(capsys, "encode", str(run), "--out", str(out), *given)["n"] == 7


def test_other_data_leave_the_runs_own_evaluation(
    capsys: pytest.CaptureFixture[str], run: Path, tmp_path: Path
) -> None:
    """The page about a run is headed by what was measured on its own splits."""
    own = record(capsys, "evaluate", str(run), "--samples", "2")
    given = str(tmp_path / "x.npy")
    np.save(given, np.random.default_rng(0).random((7, 1, 8, 8)).astype(np.float32))
    code, out, _ = call(capsys, "evaluate", str(run), "--samples", "2", "--data", given)
    assert (code, out.splitlines()[0]) == (0, f"{run}, {given}, 7 samples:")
    assert out.splitlines()[-1].startswith("(printed only: evaluation.json and the report keep")
    other = record(capsys, "evaluate", str(run), "--samples", "2", "--data", given)
    assert (other["split"], other["settings"]["data"]) == ("data", given)
    assert json.loads((run / "evaluation.json").read_text()) == own
    with pytest.raises(DataError, match="its own splits"):
        load(run).keep_evaluation(other)


def test_traverse_and_interpolate(
    capsys: pytest.CaptureFixture[str], run: Path, tmp_path: Path
) -> None:
    walked = record(
        capsys, "traverse", str(run), "--out", str(tmp_path / "t.png"), "--dims", "3", "--dims", "0"
    )
    assert walked["dimensions"] == [3, 0]
    with Image.open(tmp_path / "t.png") as picture:
        assert picture.size[0] > picture.size[1]  # two dimensions down, seven values across
    lines = record(capsys, "interpolate", str(run), "--out", str(tmp_path / "i.npz"), "--n", "3")
    assert (lines["n"], lines["steps"]) == (3, 8)


def test_listings(capsys: pytest.CaptureFixture[str], run: Path, tmp_path: Path) -> None:
    names = [row["name"] for row in record(capsys, "recipes")["recipes"]]
    assert {"digits", "mnist-dense"} <= set(names)
    assert all(row["about"] for row in record(capsys, "recipes")["recipes"])
    assert record(capsys, "recipes", "digits", "--set", "seed=7")["seed"] == 7
    assert any(row["name"] == "digits" for row in record(capsys, "data", "list")["data"])
    shown = record(capsys, "data", "show", "digits")
    assert shown["samples"] == 1797
    assert shown["elements"] == 64
    x = np.random.default_rng(0).random((6, 4))
    np.savez(tmp_path / "two.npz", one=x, two=10 * x)
    two = str(tmp_path / "two.npz")
    keyed = record(capsys, "data", "show", two, "--set", "data.key=two")
    assert keyed["maximum"] > 1
    assert keyed["train"] == f"vaestro train vectors --data {two} --set data.key=two"
    assert record(capsys, "report", str(run))["reports"] == [str(run / "report.html")]


def test_the_version_and_every_command_in_help(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = call(capsys, "--help")
    assert all(name in out for name in [*COMMANDS, "data"])
    for name in COMMANDS:
        code, shown, _ = call(capsys, name, "--help")
        assert code == 0
        assert "--json" in shown


MISTAKES = [
    (["train", "digitz"], "did you mean digits"),
    (["train", "--set", "objective.bta=1"], "did you mean beta"),
    (["train", "--set", "training.batch_size=99999"], "99999"),
    (["train", "mnist-dense"], "data.path"),
    (["train", "mnist-dense", "--set", "data.path=nowhere"], "nowhere"),
    (["train", "--resume"], "--run"),
    (["train", "--resume", "--run", "nowhere"], "nowhere"),
    (["train", "--set", "model.likelihood=poisson"], "poisson"),
    (["train", "--set", "model.condition=covariates"], "model.condition.names is missing"),
    (["train", "--set", "training.device=cuda:9"], "cuda:9"),
    (["train", "--nonsense"], "nonsense"),
    (["train", "--run", "{run}/recipe.yaml/x"], "recipe.yaml is a file and can hold no run"),
    (["train", "--epochs", "3"], "fields of a recipe are given as --set FIELD=VALUE"),
    (["nonsense"], "nonsense"),
    (["evaluate", "nowhere"], "nowhere"),
    (["sample", "{run}", "--out", "s.xyz"], ".xyz"),
    (["sample", "{run}", "--out", "none/s.png"], "none"),
    (["sample", "{run}"], "--out"),
    (["sample", "{run}", "--out", "s.png", "--n", "0"], "--n"),
    (["evaluate", "{run}", "--split", "tset"], "tset"),
    (["evaluate", "{run}", "--data", "nowhere.npz"], "nowhere.npz"),
    (["evaluate", "{run}", "--samples", "0"], "--samples"),
    (["traverse", "{run}", "--out", "t.png", "--dims", "99"], "99"),
    (["decode", "{run}", "nowhere.npz", "--out", "d.png"], "nowhere.npz"),
    (["encode", "{run}", "--out", "l.csv"], ".npz"),
    (["interpolate", "{run}", "--out", "i.png", "--n", "100000"], "100000"),
    (["report", "nowhere"], "nowhere"),
    (["data", "show", "nowhere"], "nowhere"),
    (["recipes", "nowhere"], "nowhere"),
]


@pytest.mark.parametrize(("arguments", "names"), MISTAKES, ids=lambda v: " ".join(v)[:60])
def test_a_mistake_gets_one_line_and_exit_2(
    arguments: list[str],
    names: str,
    run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = call(capsys, *(a.replace("{run}", str(run)) for a in arguments))
    assert (code, out) == (2, "")
    assert names in err
    assert err.count("\n") == 1
    assert err.startswith("error: ")
    assert list(tmp_path.iterdir()) == []  # nothing half-written


DAMAGE = [
    ("manifest.json", "{", ["doctor", "{run}"], "manifest.json is damaged"),
    ("manifest.json", "[1]", ["train", "--resume", "--run", "{run}"], "must hold one JSON object"),
    ("summary.json", "nope", ["train", "--resume", "--run", "{run}"], "summary.json is damaged"),
    ("forecast.json", "{}", ["doctor", "{run}"], "forecast.json is damaged (KeyError('findings')"),
    ("model/config.json", "{", ["evaluate", "{run}"], "config.json is damaged"),
    ("model/config.json", "{}", ["evaluate", "{run}"], "--resume` writes it from the checkpoint"),
    ("model/model.safetensors", "x", ["evaluate", "{run}"], "is missing or damaged"),
]


@pytest.mark.parametrize(("name", "content", "arguments", "says"), DAMAGE)
def test_a_damaged_file_of_a_run_is_named(
    name: str,
    content: str,
    arguments: list[str],
    says: str,
    run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(run, tmp_path / "r")
    (tmp_path / "r" / name).write_text(content)
    words = [a.replace("{run}", str(tmp_path / "r")) for a in arguments]
    code, _, err = call(capsys, *words)
    assert (code, err.count("\n")) == (2, 1)
    assert says in err


def test_a_lost_model_comes_back_from_the_checkpoint(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(run, tmp_path / "r")
    shutil.rmtree(tmp_path / "r" / "model")
    code, _, err = call(capsys, "evaluate", str(tmp_path / "r"))
    assert code == 2
    assert "--resume" in err
    assert call(capsys, "train", "--resume", "--run", str(tmp_path / "r"))[0] == 0
    ours, theirs = (r / "model" / "model.safetensors" for r in (run, tmp_path / "r"))
    assert ours.read_bytes() == theirs.read_bytes()


def test_a_full_disk_names_the_file_and_leaves_nothing_of_it(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_given: Any, **_more: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")  # as a write to an open file raises

    monkeypatch.setattr(np, "savez_compressed", full)
    code, _, err = call(capsys, "sample", str(run), "--out", str(tmp_path / "s.npz"))
    assert code == 1
    assert err == f"error: [Errno 28] No space left on device: '{tmp_path / 's.npz'}'\n"
    assert list(tmp_path.iterdir()) == []


READ_ONLY = [
    ("evaluate", "--samples", "2"),
    ("doctor",),
    ("report",),
    ("fit-prior", "--kind", "gaussian"),
    ("train", "--resume", "--set", "training.epochs=4", "--run"),
]


@pytest.mark.parametrize("command", READ_ONLY, ids=lambda command: command[0])
def test_a_folder_that_cannot_be_written_is_one_line(
    command: tuple[str, ...],
    run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was measured is told all the same."""
    locked = tmp_path / "locked"
    shutil.copytree(run, locked)
    opened = Path.open

    def forbidden(path: Path, mode: str = "r", *more: Any, **named: Any) -> Any:
        if set(mode) & set("wax+") and locked in path.parents:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return opened(path, mode, *more, **named)

    monkeypatch.setattr(Path, "open", forbidden)
    name, *options = command
    code, out, err = call(capsys, name, *options, str(locked))
    last = err.splitlines()[-1]
    assert (code, last[: len("error: ")]) == (2, "error: ")
    assert str(locked) in last
    assert "cannot be written (permission denied)" in last
    assert "chmod -R u+w" in last
    assert ".partial" not in last
    assert bool(out) == (name in ("evaluate", "doctor"))


def test_a_file_that_cannot_be_read_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.npy"
    path.touch()
    monkeypatch.setattr(os, "access", lambda *_given: False)
    told = refusal(PermissionError(errno.EACCES, "Permission denied", str(path)))
    assert told is not None
    assert told.startswith(f"{path} cannot be read (permission denied)")
    assert refusal(OSError(errno.ENOSPC, "No space left on device", str(path))) is None


def test_a_folder_in_the_place_of_a_file_is_one_line(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(run, tmp_path / "r")
    (tmp_path / "r" / "evaluation.json").unlink(missing_ok=True)
    (tmp_path / "r" / "evaluation.json").mkdir()
    code, out, err = call(capsys, "evaluate", str(tmp_path / "r"), "--samples", "2")
    assert code == 2
    assert "samples:" in out
    taken = tmp_path / "r" / "evaluation.json"
    assert err == f"error: {taken} cannot be used (is a directory); move what stands there " + (
        "elsewhere\n"
    )


def test_an_interrupted_command_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    ignored: list[Any] = []
    monkeypatch.setattr("vaestro.cli.data.known", interrupted)
    monkeypatch.setattr(signal, "signal", lambda *given: ignored.append(given))
    assert call(capsys, "data", "list") == (1, "", "error: interrupted\n")
    assert (signal.SIGINT, signal.SIG_IGN) in ignored  # a second Ctrl-C cannot break the exit


BAD_FILES = [
    (np.full((5, 3), 2.0), "every one of the 5 samples is the same"),
    (np.ones((1, 3)), "1 samples"),
    (np.zeros((0, 3)), "0 samples"),
    (np.array([[1.0, 2.0], [np.nan, 1.0], [3.0, 4.0]]), "sample 1"),
    (np.array([[1.0, 2.0], [np.inf, 1.0], [3.0, 4.0]]), "sample 1"),
    (np.arange(6.0).reshape(3, 2), "training.batch_size"),
]


@pytest.mark.parametrize(("array", "names"), BAD_FILES, ids=[n for _, n in BAD_FILES])
def test_data_that_cannot_train(
    array: np.ndarray, names: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "x.npy", array)
    edits = ["--set", "data.kind=arrays", "--set", f"data.path={tmp_path / 'x.npy'}"]
    code, out, err = call(capsys, "train", "--run", str(tmp_path / "r"), *edits, "--json")
    assert (code, out) == (2, "")
    assert names in err
    assert err.count("\n") == 1
    assert not (tmp_path / "r").exists()


def test_resume_of_a_finished_run_touches_nothing(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stamps() -> dict[Path, int]:
        return {p: p.stat().st_mtime_ns for p in run.rglob("*") if p.is_file()}

    before = stamps()
    assert record(capsys, "train", "--run", str(run), "--resume")["status"] == "finished"
    assert stamps() == before
    monkeypatch.chdir(run.parent)
    assert record(capsys, "train", "--run", run.name, "--resume")["run"] == run.name


def test_an_occupied_folder_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "keep.txt").write_text("mine")
    code, _, err = call(capsys, "train", "--run", str(tmp_path))
    assert code == 2
    assert "--resume" in err
    assert [p.name for p in tmp_path.iterdir()] == ["keep.txt"]


def test_a_diverging_run_exits_1_and_names_the_cause(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    root = tmp_path / "r"
    edits = ["--set", "training.learning_rate=1e30", "--set", "objective.beta=1e30"]
    code, out, err = call(capsys, "train", "--run", str(root), *edits, "--json")
    assert code == 1
    summary = json.loads(out)
    assert (summary["status"], summary["verdict"]) == ("diverged", "exploding")
    assert "step" in err
    assert "Traceback" not in err
    assert list((root / "checkpoints").iterdir())
    assert (root / "report.html").exists()


def test_help_loads_no_torch_and_is_fast() -> None:
    code = (
        "import sys; from vaestro.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'numpy', 'pydantic', 'sklearn', 'optuna', 'sqlalchemy', 'ray'}\n"
        "assert not heavy & sys.modules.keys()"
    )
    seconds = []
    for _ in range(3):  # the least: other tests use the same cores
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - began)
    assert min(seconds) < (2.0 if os.environ.get("CI") else 1.0)
