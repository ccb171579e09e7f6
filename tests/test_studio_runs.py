"""The list of runs, one run, several: whatever lies in a folder stays in its row."""

import io
import json
import os
import subprocess
import sys
import time
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from tests.conftest import Silent, small_recipe
from tests.made_run import MANIFEST, RECIPE, made_run, record, snapshot
from vaestro.experiments.train import start
from vaestro.foundation.files import write_json
from vaestro.runs.lock import locked
from vaestro.studio.runs import at_work as at_work_module
from vaestro.studio.runs import index, snapshots
from vaestro.studio.runs.at_work import at_work, locks_held
from vaestro.studio.runs.index import Index
from vaestro.studio.runs.places import DEEPEST, places
from vaestro.studio.server import create

TOKEN = "token"
SCRIPT = "<script>alert('x')</script><img src=x onerror=alert(1)>"


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    monkeypatch.setattr(index, "FRESH", -1.0)  # every question looks at the disk
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    return TestClient(create(tmp_path, TOKEN, 80), base_url="http://127.0.0.1", headers=bearer)


def listing(client: TestClient, since: str = "") -> dict[str, Any]:
    found: dict[str, Any] = client.get("/api/runs", params={"since": since}).json()
    return found


def parsing(root: Path) -> float:
    """Processor seconds in which json reads every line of every run: the measure on any machine."""
    began = time.process_time()
    for file in root.glob("*/*.json*"):
        for line in (
            file.read_text().splitlines() if file.suffix == ".jsonl" else [file.read_text()]
        ):
            json.loads(line)
    return time.process_time() - began


def get(client: TestClient, path: str, **query: Any) -> dict[str, Any]:
    answer = client.get(f"/api/{path}", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


class TestList:
    def test_a_row_tells_what_the_folder_says(self, client: TestClient, tmp_path: Path) -> None:
        made_run(tmp_path / "a" / "run")
        (row,) = listing(client)["rows"]
        assert (row["id"], row["name"], row["kind"], row["parent"]) == (
            "a/run",
            "made",
            "run",
            None,
        )
        assert (row["verdict"], row["tone"], row["status"]) == ("healthy", "good", "finished")
        assert (row["data_term"], row["prior_term"], row["live"], row["latent"]) == (7.0, 1.5, 2, 3)
        assert [step for step, _ in row["curve"]] == [0, 10, 20, 30] and row["at_work"] is False

    def test_latents_on_a_grid_are_not_counted_by_their_channels(
        self, client: TestClient, tmp_path: Path
    ) -> None:
        made_run(tmp_path / "a", recipe=RECIPE.replace("latent: 3", "latent: 3\n  spatial: true"))
        (row,) = listing(client)["rows"]
        assert (row["live"], row["latent"]) == (2, None)

    def test_the_root_itself_may_be_a_run(self, tmp_path: Path) -> None:
        made_run(tmp_path / "run")
        headers = {"Authorization": f"Bearer {TOKEN}"}
        app = create(tmp_path / "run", TOKEN, 80)
        client = TestClient(app, base_url="http://127.0.0.1", headers=headers)
        assert [row["id"] for row in listing(client)["rows"]] == ["."]
        assert get(client, "run", id=".")["name"] == "made"

    def test_only_what_changed_is_told_again(self, client: TestClient, tmp_path: Path) -> None:
        for name in "abc":
            made_run(tmp_path / name)
        first = listing(client)
        assert listing(client, first["mark"])["rows"] == []
        with (tmp_path / "b" / "history.jsonl").open("a") as file:
            file.write(json.dumps(record(40, "validation")) + "\n")
        made_run(tmp_path / "d")
        second = listing(client, first["mark"])
        assert [row["id"] for row in second["rows"]] == ["b", "d"]
        assert second["ids"] == ["a", "b", "c", "d"]
        for file_ in (tmp_path / "a").iterdir():
            file_.unlink()
        assert listing(client, second["mark"])["ids"] == ["b", "c", "d"]
        assert len(listing(client, "0-99")["rows"]) == 3  # the mark of another studio

    def test_populations_and_sweeps_gather_their_members(
        self, client: TestClient, tmp_path: Path
    ) -> None:
        made_run(tmp_path / "pop" / "members" / "000")
        made_run(
            tmp_path / "pop" / "members" / "001",
            manifest={**MANIFEST, "status": "running"},
            summary=None,
        )
        write_json(tmp_path / "pop" / "population.json", {})
        made_run(tmp_path / "sweep" / "batches" / "0000-1" / "members" / "000")
        write_json(tmp_path / "sweep" / "sweep.json", {})
        (tmp_path / "sweep" / "trials").mkdir()
        (tmp_path / "sweep" / "trials" / "0000").symlink_to("../batches/0000-1/members/000")
        (tmp_path / "sweep" / "trials" / "0001").symlink_to("/etc")
        rows = {row["id"]: row for row in listing(client)["rows"]}
        assert list(rows) == [
            "pop",
            "pop/members/000",
            "pop/members/001",
            "sweep",
            "sweep/trials/0000",
        ]
        assert rows["pop"]["kind"] == "population" and rows["sweep"]["kind"] == "sweep"
        assert rows["pop"]["verdicts"] == {"healthy": 1, "running": 1}
        assert (rows["pop"]["members"], rows["pop"]["ended"]) == (2, 1)
        assert rows["sweep/trials/0000"]["parent"] == "sweep"

    def test_a_study_is_one(self, client: TestClient, tmp_path: Path) -> None:
        (tmp_path / "s").mkdir()
        write_json(tmp_path / "s" / "sweep.json", {})
        (tmp_path / "s" / "study.yaml").write_text("name: s\n")
        assert [row["kind"] for row in listing(client)["rows"]] == ["study"]

    def test_a_member_tells_its_parent_again(self, client: TestClient, tmp_path: Path) -> None:
        made_run(tmp_path / "pop" / "members" / "000", summary=None)
        write_json(tmp_path / "pop" / "population.json", {})
        before = listing(client)["mark"]
        write_json(tmp_path / "pop" / "members" / "000" / "diagnosis.json", {"verdict": "stalled"})
        rows = listing(client, before)["rows"]
        assert [row["id"] for row in rows] == ["pop", "pop/members/000"]
        assert rows[0]["verdicts"] == {"stalled": 1}

    def test_the_depth_is_bounded_and_hidden_folders_are_passed_over(self, tmp_path: Path) -> None:
        deep = tmp_path.joinpath(*["d"] * DEEPEST)
        made_run(deep)
        made_run(deep.parent / "e" / "f")
        made_run(tmp_path / ".hidden")
        assert [place.path for place in places(tmp_path)] == [deep]

    def test_five_hundred_runs_are_listed_at_once(self, tmp_path: Path) -> None:
        for number in range(500):
            made_run(tmp_path / f"run-{number:03d}", history=[record(s) for s in range(60)])
        seconds = []
        for _ in range(3):  # the least: other tests use the same cores and caches
            listed = create(tmp_path, TOKEN, 80).state.studio.kept(Index)
            began = time.process_time()
            assert len(listed.listing()["rows"]) == 500
            seconds.append(time.process_time() - began)
        time.sleep(0.3)
        again = []
        for _ in range(3):
            began = time.process_time()
            listed.listing()
            again.append(time.process_time() - began)
        assert min(again) < min(seconds) / 3, "what has not changed is read once"
        parsed = parsing(tmp_path)
        assert min(seconds) < 12 * parsed, f"{min(seconds):.2f} s, {parsed:.3f} s to parse"

    def test_listing_loads_neither_torch_nor_matplotlib(self, tmp_path: Path) -> None:
        made_run(tmp_path / "run")
        program = (
            "import sys; from pathlib import Path\n"
            "from vaestro.studio.server import create\n"
            "from vaestro.studio.runs.index import Index\n"
            f"studio = create(Path({str(tmp_path)!r}), 't', 1).state.studio\n"
            "assert len(studio.kept(Index).listing()['rows']) == 1\n"
            "print([name for name in ('torch', 'matplotlib', 'optuna') if name in sys.modules])"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
        assert done.stdout.strip() == "[]", done.stderr


NAN = '{"name": "made", "status": "running", "compression": NaN, "data": {"elements": Infinity}}'
BROKEN: dict[str, dict[str, Any]] = {
    "bad-json": {"manifest": '{"name": '},
    "no-object": {"manifest": "[1, 2]"},
    "no-manifest": {"manifest": None},
    "no-recipe": {"recipe": None},
    "deep": {"manifest": "[" * 200_000},
    "text-numbers": {"summary": {"status": "finished", "steps": "many"}, "history": None},
    "odd-types": {"manifest": {**MANIFEST, "data": 7, "faults": 3}},
    "binary": {"manifest": "\0\1\2", "history": "\0\1\2"},
    "no-strings": {"manifest": {"name": ["x"], "status": {"a": 1}, "created": 7}},
}


class TestBroken:
    @pytest.mark.parametrize("name", BROKEN)
    def test_what_is_broken_stays_in_its_row(
        self, client: TestClient, tmp_path: Path, name: str
    ) -> None:
        made_run(tmp_path / "good")
        made_run(tmp_path / name, **BROKEN[name])
        rows = {row["id"]: row for row in listing(client)["rows"]}
        assert rows["good"]["verdict"] == "healthy"
        told = rows[name].get("error", "")
        assert "\n" not in told and len(told) <= 300
        if name in ("bad-json", "no-object", "no-manifest", "deep"):
            assert told
        answer = client.get("/api/run", params={"id": name})
        assert answer.status_code == 200 or "\n" not in answer.json()["error"]

    def test_not_a_number_anywhere(self, client: TestClient, tmp_path: Path) -> None:
        nan = float("nan")
        rows = [
            record(s, split, data_term=nan, prior_term=nan, loss=nan, live_dimensions=nan)
            for s in (0, 10)
            for split in ("train", "validation")
        ]
        figures = (
            '{"steps": NaN, "status": "finished", "verdict": "exploding", "seconds": NaN, '
            '"validation": {"data_term": NaN, "live_dimensions": Infinity}, '
            '"baseline_constant": -Infinity}'
        )
        run = made_run(
            tmp_path / "nan",
            manifest=NAN,
            summary=figures,
            history=rows,
            diagnosis='{"verdict": NaN, "findings": [{"evidence": {"a": NaN}}]}',
            forecast='{"verdict": "ok", "live_dimensions": NaN, "baselines": {"constant": NaN}}',
            events='{"step": NaN, "kind": "exploding", "sentence": "x"}\n',
        )
        snapshot(run, "epoch-0000", [nan, nan])
        (row,) = listing(client)["rows"]
        assert "error" not in row and row["data_term"] is None and row["curve"] == []
        shown = get(client, "run", id="nan")
        assert shown["baseline"] is None and shown["events"][0]["step"] is None
        assert get(client, "run/kl", id="nan")["nats"] == [[None, None]]
        assert get(client, "run/history", id="nan")["missing"]["data_term"] == 4

    def test_a_script_in_a_name_is_text(self, client: TestClient, tmp_path: Path) -> None:
        run = made_run(
            tmp_path / "x",
            manifest={**MANIFEST, "name": SCRIPT},
            recipe=f"name: {SCRIPT}\n",
            events=[{"step": 1, "kind": SCRIPT, "sentence": SCRIPT, "remedies": [SCRIPT]}],
        )
        (row,) = listing(client)["rows"]
        assert row["name"] == SCRIPT
        answer = client.get("/api/run", params={"id": "x"})
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["name"] == SCRIPT
        # a remedy becomes a command to paste: what the folder says is one quoted word of it
        (told,) = answer.json()["events"][0]["commands"]
        assert told.startswith("vaestro train ") and str(run) in told and "'<script>" in told

    def test_a_folder_whose_name_is_markup(self, client: TestClient, tmp_path: Path) -> None:
        name = "<b onmouseover=alert(1)>&'\" %2e"
        made_run(tmp_path / name)
        (row,) = listing(client)["rows"]
        assert row["id"] == name and get(client, "run", id=name)["name"] == "made"

    @pytest.mark.parametrize(
        "name", ["manifest.json", "recipe.yaml", "events.jsonl", "summary.json"]
    )
    def test_a_huge_record_is_not_read(self, client: TestClient, tmp_path: Path, name: str) -> None:
        run = made_run(tmp_path / "huge")
        with (run / name).open("wb") as file:
            file.truncate(1 << 30)
        tracemalloc.start()
        (row,) = listing(client)["rows"]
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert "1,024 MiB" in row["error"] and peak < 64 << 20, f"{peak >> 20} MiB"
        assert client.get("/api/run", params={"id": "huge"}).status_code == 400

    def test_a_pipe_in_the_place_of_a_record_waits_for_nobody(
        self, client: TestClient, tmp_path: Path
    ) -> None:
        run = made_run(tmp_path / "pipe", manifest=None, history=None)
        for name in ("manifest.json", "history.jsonl"):
            os.mkfifo(run / name)
        (row,) = listing(client)["rows"]
        assert "no plain file" in row["error"]
        for path in ("run", "run/history"):
            assert client.get(f"/api/{path}", params={"id": "pipe"}).status_code == 400

    def test_a_pickle_is_never_loaded(self, client: TestClient, tmp_path: Path) -> None:
        run = made_run(tmp_path / "evil")
        (run / "snapshots").mkdir()
        marker = tmp_path / "ran"

        class Evil:
            def __reduce__(self) -> Any:
                return (Path.touch, (marker,))

        np.savez(run / "snapshots" / "epoch-0001.npz", original=np.array([Evil()], dtype=object))
        answer = client.get("/api/run/picture", params={"id": "evil", "name": "pairs"})
        assert answer.status_code == 400 and not marker.exists()
        assert get(client, "run/kl", id="evil")["epochs"] == []

    def test_a_snapshot_that_unpacks_to_anything_is_refused(
        self, client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = made_run(tmp_path / "bomb")
        (run / "snapshots").mkdir()
        monkeypatch.setattr(snapshots, "MOST_UNPACKED", 4 << 20)
        path = run / "snapshots" / "epoch-0001.npz"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("original.npy", bytes(6 << 20))
        answer = client.get("/api/run/picture", params={"id": "bomb", "name": "pairs"})
        assert answer.status_code == 400 and "6 MiB" in answer.json()["error"]


class TestAtWork:
    def test_a_lock_is_seen_and_left_alone(self, tmp_path: Path) -> None:
        assert at_work(tmp_path, locks_held()) in (False, None)
        with locked(tmp_path):
            held = locks_held()
            assert held is None or at_work(tmp_path, held) is True
        with locked(tmp_path):  # nobody holds it on our account
            pass
        assert at_work(tmp_path, locks_held()) in (False, None)

    def test_devices_that_are_numbered_otherwise(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / ".lock").touch()
        inode = (tmp_path / ".lock").stat().st_ino
        table = tmp_path / "locks"
        monkeypatch.setattr(at_work_module, "TABLE", table)
        for process, opened in ((os.getpid(), True), (2**30, False)):
            table.write_text(
                f"1: FLOCK ADVISORY WRITE {process} ff:ff:{inode} 0 EOF\n"
                f"1: -> FLOCK ADVISORY WRITE 7 ff:ff:{inode} 0 EOF\nnonsense\n"
            )
            with locked(tmp_path):
                assert at_work(tmp_path, locks_held()) is opened

    def test_where_the_system_does_not_tell_nothing_is_said(self, tmp_path: Path) -> None:
        assert at_work(tmp_path, None) is None

    def test_a_run_that_trains_says_so(self, client: TestClient, tmp_path: Path) -> None:
        run = made_run(tmp_path / "run", manifest={**MANIFEST, "status": "running"}, summary=None)
        if sys.platform != "linux":
            pytest.skip("only Linux has a table of locks")
        told = get(client, "run", id="run")
        assert told["at_work"] is False and "killed" in told["verdict"]["sentence"]
        assert "--resume" in told["verdict"]["commands"][0]
        with locked(run):
            told = get(client, "run", id="run")
        assert told["at_work"] is True and told["verdict"]["sentence"].startswith(
            "The run is training"
        )
        assert told["verdict"]["commands"] == []


class TestRun:
    def test_the_facts_are_those_of_the_report(self, client: TestClient, tmp_path: Path) -> None:
        from vaestro.reports import tables
        from vaestro.reports.facts import read_facts

        run = made_run(tmp_path / "run")
        facts, told = read_facts(run), get(client, "run", id="run")
        assert [card["value"] for card in told["cards"]] == [c.value for c in tables.cards(facts)]
        assert told["particulars"] == [list(pair) for pair in tables.particulars(facts)]
        assert told["recipe"] == RECIPE and told["baseline"] == 11.0

    def test_events_carry_their_remedies_as_commands(
        self, client: TestClient, tmp_path: Path
    ) -> None:
        event = {
            "step": 7,
            "kind": "at_risk",
            "cause": "c",
            "sentence": "No.",
            "remedies": ["objective.beta=0.5"],
        }
        made_run(tmp_path / "run", events=[event])
        (told,) = get(client, "run", id="run")["events"]
        assert (told["step"], told["kind"], told["tone"]) == (7, "at risk", "doubtful")
        assert told["commands"] == [
            f"vaestro train {tmp_path}/run/recipe.yaml --set objective.beta=0.5"
        ]

    def test_bars_follow_the_snapshots(self, client: TestClient, tmp_path: Path) -> None:
        run = made_run(tmp_path / "run")
        snapshot(run, "epoch-0000", [0.1, 0.2, 0.3])
        snapshot(run, "epoch-0010", [0.0, 2.0, 1.0])
        snapshot(run, "final", [0.0, 3.0, 4.0])
        told = get(client, "run/kl", id="run")
        assert told["epochs"] == [0, 10, -1] and told["dimensions"] == [2, 1, 0]
        assert told["nats"][1] == [1.0, 2.0, 0.0] and told["threshold"] == 0.01

    def test_a_training_keeps_the_kl_of_each_dimension(
        self, client: TestClient, tmp_path: Path, display: Silent
    ) -> None:
        recipe = small_recipe(training={"snapshot_epochs": 1})
        start(recipe, tmp_path / "run", display)
        told = get(client, "run/kl", id="run")
        assert told["epochs"] == [0, 1, 2, -1] and told["all"] == recipe.model.latent
        assert all(value >= 0 for nats in told["nats"] for value in nats)
        assert told["nats"][0] != told["nats"][1]

    @pytest.mark.parametrize("name", ["pairs", "samples", "thumbnail"])
    def test_pictures_are_drawn_of_every_epoch(
        self, client: TestClient, tmp_path: Path, name: str
    ) -> None:
        run = made_run(tmp_path / "run")
        snapshot(run, "epoch-0000", [0.1], 0)
        snapshot(run, "final", [0.1], 1)
        drawn = []
        for epoch in (0, -1):
            answer = client.get(
                "/api/run/picture", params={"id": "run", "name": name, "epoch": epoch}
            )
            assert answer.headers["content-type"] == "image/png"
            picture = Image.open(io.BytesIO(answer.content))
            assert picture.width > 8 and np.ptp(np.asarray(picture)) > 50
            drawn.append(answer.content)
        assert drawn[0] != drawn[1]

    @pytest.mark.parametrize(
        "query",
        [{"name": "etc"}, {"name": "pairs", "epoch": 7}, {"name": "pairs", "epoch": "x"}, {}],
    )
    def test_a_picture_that_there_is_not(
        self, client: TestClient, tmp_path: Path, query: dict[str, Any]
    ) -> None:
        snapshot(made_run(tmp_path / "run"), "epoch-0000", [0.1])
        answer = client.get("/api/run/picture", params={"id": "run", **query})
        assert answer.status_code == 400 and answer.json()["error"]


class TestCompare:
    def test_only_differences_are_told(self, client: TestClient, tmp_path: Path) -> None:
        made_run(tmp_path / "a")
        other = RECIPE.replace("beta: 1.0", "beta: {kind: linear, end: 1}").replace(
            "latent: 3", "latent: 5"
        )
        made_run(tmp_path / "b", recipe=other + "extra: true\n")
        told = get(client, "compare", id=["a", "b"])
        assert told["differences"] == [
            ["model.latent", ["3", "5"]],
            ["objective.beta", ["1.0", "–"]],  # noqa: RUF001
            ["objective.beta.kind", ["–", "linear"]],  # noqa: RUF001
            ["objective.beta.end", ["–", "1"]],  # noqa: RUF001
            ["extra", ["–", "true"]],  # noqa: RUF001
        ]
        assert [row["id"] for row in told["runs"]] == ["a", "b"]

    def test_one_that_is_broken_does_not_hide_the_others(
        self, client: TestClient, tmp_path: Path
    ) -> None:
        made_run(tmp_path / "a")
        made_run(tmp_path / "b", recipe="a: [")
        told = get(client, "compare", id=["a", "b", "../c"])
        assert [("error" in row) for row in told["runs"]] == [False, False, True]
        assert "not valid YAML" in told["differences"][0][1][1] or "not valid YAML" in str(told)

    @pytest.mark.parametrize("count", [0, 1, 11])
    def test_too_few_and_too_many(self, client: TestClient, count: int) -> None:
        answer = client.get("/api/compare", params={"id": [f"r{i}" for i in range(count)]})
        assert answer.status_code == 400 and "2 to 10" in answer.json()["error"]
