"""Copies of run folders at a URL: whole ones, once each, and never another sweep's."""

import json
from pathlib import Path

import fsspec
import pytest

from tests.test_sweep import definition
from tests.test_sweep_ray import Watching
from vaestro.experiments.run import load
from vaestro.foundation.errors import StorageError
from vaestro.sweeps import copies as module
from vaestro.sweeps.sweep import Wanted
from vaestro.sweeps.sweep import sweep as carried_out

VARY = ["objective.beta=log(0.1,1)"]


def files(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def test_what_has_ended_is_copied_and_can_be_read(tmp_path: Path) -> None:
    there = tmp_path / "elsewhere"
    wanted = Wanted(copy_to=f"file://{there}")
    summary = carried_out(definition(VARY), 3, tmp_path / "s", wanted, Watching())
    assert summary["copied"] == {"url": f"file://{there}", "trials": 3, "missing": 0}
    for number in range(3):
        own = (tmp_path / "s" / "trials" / f"{number:04d}").resolve()
        assert files(there / "trials" / f"{number:04d}") == files(own)
    assert (there / "best.yaml").read_text() == (tmp_path / "s" / "best.yaml").read_text()
    assert {"report.html", "trials.csv", "sweep.yaml"} <= {path.name for path in there.iterdir()}
    assert load(there / "trials" / "0001").evaluate("validation")["elbo"] < 0


@pytest.mark.slow
def test_a_plain_folder_is_a_url_too_and_what_is_there_is_not_copied_again(tmp_path: Path) -> None:
    there, root = tmp_path / "elsewhere", tmp_path / "s"
    carried_out(definition(VARY), 2, root, Wanted(copy_to=str(there)), Watching())
    (there / "trials" / "0000" / "summary.json").write_text("mine")
    summary = carried_out(None, 4, root, Wanted(copy_to=str(there)), Watching())
    assert summary["copied"]["trials"] == 4
    assert (there / "trials" / "0000" / "summary.json").read_text() == "mine"
    assert len(list((there / "trials").iterdir())) == 4


def test_a_fault_ends_nothing_and_the_same_command_copies_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system, root, watching = fsspec.filesystem("memory"), tmp_path / "s", Watching()
    real = type(system).put_file
    broken = [True]

    def put(self: object, lpath: str, rpath: str, **more: object) -> None:
        if broken[0] and lpath.endswith("summary.json"):
            raise RuntimeError("the line is\ndown")
        real(self, lpath, rpath, **more)

    monkeypatch.setattr(type(system), "put_file", put)
    wanted = Wanted(copy_to="memory://far/away")
    summary = carried_out(definition(VARY), 2, root, wanted, watching)
    assert summary["status"] == "finished" and summary["copied"]["missing"] == 2
    assert "the line is down" in watching.said[-1] and "2 run folders" in watching.said[-1]
    assert not system.exists("/far/away/trials/0000/summary.json"), "half a copy has no summary"
    broken[0] = False
    summary = carried_out(None, None, root, wanted, watching)
    assert summary["copied"] == {"url": "memory://far/away", "trials": 2, "missing": 0}
    told = json.loads(system.cat_file("/far/away/trials/0001/summary.json"))
    assert told == json.loads((root / "trials" / "0001" / "summary.json").read_text())


def test_another_sweep_is_not_written_over(tmp_path: Path) -> None:
    there = tmp_path / "elsewhere"
    carried_out(definition(VARY), 1, tmp_path / "a", Wanted(copy_to=str(there)), Watching())
    before = files(there)
    with pytest.raises(StorageError, match=r"holds the trials of another sweep; give another"):
        carried_out(definition(VARY), 1, tmp_path / "b", Wanted(copy_to=str(there)), Watching())
    assert files(there) == before and not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nowhere://x/y", "nowhere"),
        ("{file}/below", "Not a directory"),
        ("", "give a folder or a URL"),
    ],
)
def test_a_url_that_cannot_be_written_is_one_line_before_anything(
    tmp_path: Path, url: str, said: str
) -> None:
    (tmp_path / "file").write_text("mine")
    wanted = Wanted(copy_to=url.format(file=tmp_path / "file"))
    with pytest.raises(StorageError, match=said) as caught:
        carried_out(definition(VARY), 1, tmp_path / "s", wanted, Watching())
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "s").exists() and (tmp_path / "file").read_text() == "mine"


def test_a_url_that_takes_no_file_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: object, path: str, value: bytes, **more: object) -> None:
        raise PermissionError("read only")

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "pipe_file", refuse)
    with pytest.raises(StorageError, match="cannot be written: read only; give a folder or a URL"):
        carried_out(
            definition(VARY), 1, tmp_path / "s", Wanted(copy_to="memory://shut"), Watching()
        )
    assert not (tmp_path / "s" / "batches").exists()


def test_after_a_failure_it_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that is down is not asked at every look."""
    from vaestro.sweeps.folder import SweepFolder
    from vaestro.sweeps.ledger.rows import Trial

    run = tmp_path / "trials" / "0000"
    run.mkdir(parents=True)
    (run / "summary.json").write_text("{}")
    copies = module.Copies(SweepFolder(tmp_path), str(tmp_path / "away"), print)
    tries: list[str] = []

    def put(path: str, target: str) -> None:
        tries.append(target)
        raise OSError("down")

    monkeypatch.setattr(copies._system, "put_file", put)
    trial = Trial(0, 0, 0, {}, [], {}, "finished", {}, None, {"trained": True}, 0)
    copies.keep([trial])
    copies.keep([trial])
    assert len(tries) == 1
