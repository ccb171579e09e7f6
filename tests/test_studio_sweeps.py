"""The studio's screen of a sweep: what it is told, which ledgers are opened, how it is steered."""

import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from tests.conftest import small_recipe
from vaestro.foundation.errors import RunFolderError, UserError
from vaestro.foundation.files import read_json, write_json
from vaestro.studio.answers import Refused
from vaestro.studio.ids import NotThere
from vaestro.studio.server import create
from vaestro.studio.starting.children import Child, Children
from vaestro.studio.studio import Studio
from vaestro.studio.sweeps import reading as reading_module
from vaestro.studio.sweeps import shown as shown_module
from vaestro.studio.sweeps.ledgers import require_own
from vaestro.studio.sweeps.matters import Estimates
from vaestro.studio.sweeps.queue import last_line
from vaestro.studio.sweeps.queue import queue as queue_of
from vaestro.studio.sweeps.reading import read
from vaestro.studio.sweeps.shown import shown
from vaestro.studio.sweeps.steering import go_on, stop
from vaestro.sweeps.definition import Definition, watched
from vaestro.sweeps.folder import SweepFolder
from vaestro.sweeps.ledger.ledger import Ledger
from vaestro.sweeps.ledger.rows import Proposal, Sweep
from vaestro.sweeps.page import facts_of
from vaestro.sweeps.space import space_of

TOKEN = "t" * 32
VARY = ["objective.beta=log(1,100)", "model.latent=int(2,16)"]
RESULTS = [  # data term, prior term, state, facts
    (20.0, 4.0, "finished", {"verdict": "healthy", "seconds": 2.0}),
    (30.0, 1.0, "finished", {"verdict": "undertrained", "seconds": 3.0}),
    (35.0, 2.0, "finished", {"verdict": "healthy", "seconds": float("1")}),
    (50.0, 0.0, "pruned", {"trained": False}),
    (25.0, 0.0, "finished", {"verdict": "collapsed"}),
    (None, None, "failed", {}),
]


class Made:
    """A sweep in `root / "s"`, as yet without trials."""

    def __init__(self, root: Path, vary: list[str] = VARY, wanted: int = 20, **more: Any) -> None:
        space = space_of(vary, None)
        self.folder = SweepFolder(root / "s")
        self.definition = Definition(recipe=watched(small_recipe()), space=space, **more)
        if not self.folder.exists:
            self.folder.root.mkdir()
            self.folder.create(self.definition.plain(), self.folder.place_for(None))
        place = self.folder.read_place()
        self.id, self.ledger = place["id"], Ledger(place["storage"])
        plain = self.definition.plain()
        entry = Sweep(self.id, "s", str(self.folder.root), plain, wanted, "running", 0, {})
        self.ledger.create(entry)

    def trained(self) -> "Made":
        """With the results of six trials in two batches."""
        for first in (0, 3):
            proposals = [self._proposal(first + place) for place in range(3)]
            lease = self.ledger.add_batch(self.id, first, proposals, {}, "here:1", 60.0)
            assert lease is not None
            for trial in lease.trials:
                data, prior, state, facts = RESULTS[trial.number]
                run = self._run(trial.number) if facts.get("trained", True) and facts else None
                told = {"trained": run is not None, "run": run} | facts
                values = None if data is None else {"data_term": data, "prior_term": prior}
                reason = {"pruned": "forecast: it dies", "failed": "no memory"}.get(state)
                assert self.ledger.finish_trial(lease, trial.number, state, values, reason, told)
            assert self.ledger.finish_batch(lease)
        return self

    def _proposal(self, number: int) -> Proposal:
        params = {"objective.beta": float(2 + number), "model.latent": 2 + number}
        return Proposal(params, [f"{name}={value}" for name, value in params.items()], {})

    def _run(self, number: int) -> str:
        run = self.folder.root / "trials" / f"{number:04d}"
        run.mkdir(parents=True)
        return f"trials/{number:04d}"


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path, TOKEN, 1)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep with results, made once: each transaction waits for the disk."""
    root = tmp_path_factory.mktemp("template")
    Made(root).trained().ledger.close()
    return root / "s"


@pytest.fixture
def made(template: Path, tmp_path: Path) -> Iterator[Made]:
    """A copy of it."""
    shutil.copytree(template, tmp_path / "s")
    one = Made(tmp_path)
    yield one
    one.ledger.close()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What would be started, in place of starting it."""
    words: list[list[str]] = []

    def start(self: Children, identity: str, what: Any, given: Any) -> None:
        words.append([identity, what, *given])

    monkeypatch.setattr(Children, "start", start)
    return words


class TestShown:
    def test_it_is_the_page_of_the_sweep(self, studio: Studio, made: Made) -> None:
        told = shown(studio, read(studio, "s"))
        facts = facts_of(made.folder, made.definition, made.ledger.trials(made.id), "x", 20)
        best = [trial["number"] for trial in told["trials"] if trial["best"]]
        assert best == [facts.best]
        front = {trial["number"] for trial in told["trials"] if trial["front"]}
        assert front == set(facts.front) == {0, 1}
        assert told["word"] == "interrupted" and "6 of 20 trials" in told["sentence"]
        assert [trial["fate"] for trial in told["trials"]] == [
            *["finished"] * 3,
            *("untrained", "finished", "failed"),
        ]
        marks = [trial["mark"] for trial in told["trials"]]
        assert marks == ["front", "front", "finished", "untrained", "refused", "failed"]
        assert set(marks) - {"failed"} <= told["marks"].keys()

    def test_a_trial_has_its_figures_its_reason_and_its_run(
        self, studio: Studio, made: Made
    ) -> None:
        trials = shown(studio, read(studio, "s"))["trials"]
        assert trials[0]["values"] == {"data_term": 20.0, "prior_term": 4.0}
        assert trials[0]["run"] == "s/trials/0000" and trials[0]["verdict"] == "healthy"
        assert trials[3]["run"] is None and trials[3]["reason"] == "it dies"
        assert trials[5]["values"] == {"data_term": None, "prior_term": None}

    def test_the_plane_has_units_and_goes_around_the_front(
        self, studio: Studio, made: Made
    ) -> None:
        plane = shown(studio, read(studio, "s"))["plane"]
        assert plane["across"]["title"] == "Prior term (nats per sample)"
        assert plane["equal"] and plane["numbers"] == [0, 1, 2, 3, 4]
        assert plane["places"][0] == [4.0, 20.0]
        assert plane["stairs"] == [[1.0, 30.0], [4.0, 30.0], [4.0, 20.0]]
        for low, high in (plane["across"]["limits"], plane["up"]["limits"]):
            assert low < high

    def test_the_lines_go_from_the_best_to_the_worst(self, studio: Studio, made: Made) -> None:
        lines = shown(studio, read(studio, "s"))["parallel"]
        assert lines["numbers"] == [0, 4, 1, 2, 3]
        assert [scale["name"] for scale in lines["scales"]] == [
            *("objective.beta", "model.latent", "Data term", "Prior term")
        ]
        assert lines["shades"][0] == 0.0 and lines["shades"][-1] is None
        assert np.argsort(lines["scales"][0]["places"]).tolist() == [0, 2, 3, 4, 1]

    def test_a_goal_of_one_figure_is_shown_with_both_terms(
        self, studio: Studio, tmp_path: Path
    ) -> None:
        made = Made(tmp_path, goal={"figures": ["mse"]})
        told = shown(studio, read(studio, "s"))
        assert [figure["name"] for figure in told["figures"]] == ["mse", "data_term", "prior_term"]
        assert told["plane"] is None and told["parallel"] is None and told["trials"] == []
        made.ledger.close()

    def test_of_many_trials_some_are_told_and_the_best_always(
        self, studio: Studio, made: Made, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(shown_module, "MOST", 2)
        told = shown(studio, read(studio, "s"))
        assert {trial["number"] for trial in told["trials"]} == {0, 1, 5}
        assert told["left_out"] == 3

    def test_a_run_that_leads_out_of_the_root_is_not_named(
        self, studio: Studio, made: Made, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        outside = tmp_path_factory.mktemp("outside")
        run = made.folder.root / "trials" / "0000"
        run.rmdir()
        run.symlink_to(outside)
        assert shown(studio, read(studio, "s"))["trials"][0]["run"] is None

    def test_importance_is_estimated_once_for_so_many_trials(
        self, studio: Studio, made: Made, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        estimates = studio.kept(Estimates)
        found = estimates.of(read(studio, "s"))
        assert (
            "4 trials have figures, too few" in found[0]["note"] or "5 trials" in found[0]["note"]
        )
        monkeypatch.setattr("vaestro.studio.sweeps.matters.importances", None)
        assert estimates.of(read(studio, "s")) is found


class TestQueue:
    def test_leases_say_who_and_for_how_long(self, studio: Studio, made: Made) -> None:
        lease = made.ledger.add_batch(made.id, 6, [made._proposal(6)], {}, "other:77", 60.0)
        assert lease is not None and made.ledger.renew(lease, 60.0, 123)
        reading = read(studio, "s")
        told = queue_of(reading, studio.root)
        assert (told["asked"], told["ended"], told["wanted"]) == (7, 6, 20)
        first = told["batches"][0]
        assert (first["state"], first["owner"], first["steps"]) == ("leased", "other:77", 123)
        assert 50 < first["seconds_left"] <= 60
        assert told["workers"] == [{"host": "other", "process": "77", "batch": 2, "steps": 123}]
        assert [batch["state"] for batch in told["batches"]] == ["leased", "done", "done"]
        assert reading.working and not reading.coordinated and reading.status == "running"

    def test_a_worker_that_is_not_heard_of_has_expired(self, studio: Studio, made: Made) -> None:
        made.ledger.add_batch(made.id, 6, [made._proposal(6)], {}, "other:77", 0.01)
        time.sleep(0.05)
        reading = read(studio, "s")
        told = queue_of(reading, studio.root)
        assert told["batches"][0]["state"] == "expired" and told["workers"] == []
        assert not reading.working and reading.status == "interrupted"

    def test_a_batch_given_back_waits(self, studio: Studio, made: Made) -> None:
        lease = made.ledger.add_batch(made.id, 6, [made._proposal(6)], {}, "other:77", 60.0)
        assert lease is not None and made.ledger.release(lease)
        told = queue_of(read(studio, "s"), studio.root)
        assert told["waiting"] == 1 and told["batches"][0]["state"] == "waiting"

    def test_the_last_words_of_workers(self, studio: Studio, made: Made, tmp_path: Path) -> None:
        made.folder.logs.mkdir()
        (made.folder.logs / "worker-0.log").write_bytes(b"x\n" * 9000 + b"batch 3: \xff\n\n")
        (made.folder.logs / "other.log").write_text("not a worker")
        told = queue_of(read(studio, "s"), studio.root)
        assert told["logs"] == [{"worker": "0", "said": "batch 3: \ufffd"}]
        (tmp_path / "empty").touch()
        assert last_line(tmp_path / "empty") == ""


class TestLedgers:
    def test_a_ledger_elsewhere_is_neither_opened_nor_made(
        self, studio: Studio, made: Made, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        outside = tmp_path_factory.mktemp("outside") / "precious.sqlite"
        sqlite3.connect(outside).execute("CREATE TABLE mine (x)").connection.close()
        before = outside.read_bytes()
        place = read_json(made.folder.place)
        for path in (outside, outside.with_name("new.sqlite")):
            write_json(made.folder.place, place | {"storage": f"sqlite:///{path}"})
            with pytest.raises(RunFolderError, match="outside of the studio's root"):
                read(studio, "s")
        assert outside.read_bytes() == before
        assert not outside.with_name("new.sqlite").exists()

    def test_a_link_out_of_the_root_is_not_followed(
        self, studio: Studio, made: Made, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        ledger = made.folder.root / "ledger.sqlite"
        outside = tmp_path_factory.mktemp("outside") / "ledger.sqlite"
        ledger.rename(outside)
        ledger.symlink_to(outside)
        with pytest.raises(RunFolderError, match="outside of the studio's root"):
            read(studio, "s")

    @pytest.mark.parametrize(
        "storage, said",
        [
            ("postgresql://me@evil.example/x", "on evil.example"),
            ("postgresql:///x?host=evil.example", "another machine"),
            ("postgresql://127.0.0.1/x?hostaddr=10.0.0.1", "127.0.0.1"),
            ("postgresql:///x?service=far", "another machine"),
            ("postgresql://10.0.0.1/x", "on 10.0.0.1"),
            ("mysql://localhost/x", "begins with mysql"),
            ("sqlite://", "in memory"),
            (3, "is damaged: it must name"),
        ],
    )
    def test_no_other_machine_is_asked(
        self, studio: Studio, made: Made, storage: Any, said: str
    ) -> None:
        write_json(made.folder.place, {"id": made.id, "storage": storage})
        with pytest.raises(UserError, match=said):
            require_own(studio.root, made.folder.root)

    @pytest.mark.parametrize(
        "storage", ["postgresql:///x", "postgresql://localhost/x", "postgresql://[::1]:5/x"]
    )
    def test_a_database_of_this_machine_is_asked(
        self, studio: Studio, made: Made, storage: str
    ) -> None:
        write_json(made.folder.place, {"id": made.id, "storage": storage})
        assert require_own(studio.root, made.folder.root).root == made.folder.root

    @pytest.mark.parametrize("broken", ["", "[]", "{", '{"id": "x"}', "{}"])
    def test_a_broken_sweep_is_an_answer_and_no_more(self, made: Made, broken: str) -> None:
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        app = create(made.folder.root.parent, TOKEN, 80)
        client = TestClient(app, base_url="http://127.0.0.1", headers=bearer)
        made.folder.place.write_text(broken)
        answer = client.get("/api/sweep?id=s")
        assert answer.status_code == 400 and len(answer.json()["error"].splitlines()) == 1

    def test_a_sweep_and_its_errors_over_http(self, made: Made) -> None:
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        app = create(made.folder.root.parent, TOKEN, 80)
        client = TestClient(app, base_url="http://127.0.0.1", headers=bearer)
        assert client.get("/api/sweep?id=s").json()["name"] == "small"
        assert "note" in client.get("/api/sweep?id=s&importance=1").json()["importance"][0]
        assert client.get("/api/sweep?id=none").status_code == 404
        assert client.get("/api/sweep?id=s/trials/0000").status_code == 400
        assert client.post("/api/sweep/stop", json={"id": "s"}).status_code == 400


class TestSteering:
    def test_stop_is_said_in_the_ledger(self, studio: Studio, made: Made) -> None:
        with pytest.raises(RunFolderError, match="nobody is at work on s"):
            stop(studio, {"id": "s"})
        made.ledger.add_batch(made.id, 6, [made._proposal(6)], {}, "other:77", 60.0)
        assert stop(studio, {"id": "s"}) == {"id": "s", "status": "stopping"}
        assert made.ledger.sweep(made.id).state == "stopped"
        assert read(studio, "s").status == "interrupted"  # nobody coordinates it

    def test_a_process_of_the_studio_is_told_too(
        self, studio: Studio, made: Made, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        values = {"id": "s", "what": "sweep", "words": (), "began": "", "pid": 1, "process": ""}
        monkeypatch.setattr(Children, "of", lambda self, identity: Child(**values))
        monkeypatch.setattr(Child, "alive", property(lambda self: True))
        stopped: list[str] = []
        monkeypatch.setattr(Children, "stop", lambda self, identity: stopped.append(identity))
        assert read(studio, "s").status == "running"
        stop(studio, {"id": "s"})
        assert stopped == ["s"]
        assert read(studio, "s").status == "stopping"
        with pytest.raises(RunFolderError, match="at work already"):
            go_on(studio, {"id": "s"})

    def test_going_on_and_adding_trials(
        self, studio: Studio, made: Made, started: list[list[str]]
    ) -> None:
        place = str(studio.root / "s")
        assert go_on(studio, {"id": "s"})["command"] == f"vaestro sweep --out {place}"
        go_on(studio, {"id": "s", "trials": 32, "workers": 2})
        more = ["--trials", "32", "--workers", "2", "--json"]
        assert started == [
            ["s", "sweep", "sweep", "--out", place, "--json"],
            ["s", "sweep", "sweep", "--out", place, *more],
        ]

    @pytest.mark.parametrize(
        "body, fault, said",
        [
            ({"trials": 20}, RunFolderError, "trials is 20, and the sweep has 20"),
            ({"trials": 10**9}, Refused, "legal: a whole number from 1 to 100,000"),
            ({"trials": "64"}, Refused, "legal: a whole number"),
            ({"trials": True}, Refused, "legal: a whole number"),
            ({"workers": 0}, Refused, "workers is 0"),
            ({"workers": 1000}, Refused, "from 1 to 64"),
            ({"id": "../s"}, NotThere, "there is no folder"),
            ({"id": 3}, NotThere, "there is no folder"),
        ],
    )
    def test_what_is_not_legal_is_refused(
        self,
        studio: Studio,
        made: Made,
        started: list[list[str]],
        body: dict[str, Any],
        fault: type[Exception],
        said: str,
    ) -> None:
        with pytest.raises(fault, match=said):
            go_on(studio, {"id": "s", **body})
        assert not started

    def test_a_finished_sweep_goes_on_only_with_more(
        self, studio: Studio, made: Made, started: list[list[str]]
    ) -> None:
        made.ledger.set_state(made.id, "finished")
        with pytest.raises(RunFolderError, match="give it more trials"):
            go_on(studio, {"id": "s"})
        go_on(studio, {"id": "s", "trials": 21})
        assert len(started) == 1

    def test_a_grid_and_a_study_do_not_grow(
        self, studio: Studio, tmp_path: Path, started: list[list[str]]
    ) -> None:
        made = Made(tmp_path, ["objective.beta=1,2"], 2, search="grid")
        with pytest.raises(RunFolderError, match="as many trials as cells"):
            go_on(studio, {"id": "s", "trials": 40})
        told = shown(studio, read(studio, "s"))
        assert "as many trials as cells" in told["actions"]["grow"]
        (made.folder.root / "study.yaml").write_text("question: x\n")
        with pytest.raises(RunFolderError, match="a study has the settings and seeds"):
            go_on(studio, {"id": "s", "trials": 40})
        go_on(studio, {"id": "s"})
        assert started[0][2:4] == ["study", "--out"]
        made.ledger.close()

    def test_why_a_process_failed_is_told(
        self, studio: Studio, made: Made, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        values = {"id": "s", "what": "sweep", "words": (), "began": "", "pid": 1, "process": "x"}
        monkeypatch.setattr(Children, "of", lambda self, identity: Child(**values))
        monkeypatch.setattr(Children, "last_words", lambda self, identity: "error: no space left")
        assert shown(studio, read(studio, "s"))["actions"]["said"] == "error: no space left"
        monkeypatch.setattr(Children, "last_words", lambda self, identity: '{"sweep": "s"}')
        assert shown(studio, read(studio, "s"))["actions"]["said"] == ""


@pytest.mark.slow
def test_a_sweep_is_stopped_gone_on_with_and_made_longer(tmp_path: Path) -> None:
    """With real processes: begun from the studio, stopped by its ledger, made longer, finished."""
    studio = Studio(tmp_path, TOKEN, 1)
    made = Made(tmp_path, ["objective.beta=log(0.5,4)"], 12, search="random", batch=2)
    made.ledger.close()
    go_on(studio, {"id": "s"})
    until(lambda: ended(studio) >= 2)
    stop(studio, {"id": "s"})
    until(lambda: not read(studio, "s").working)
    between = read(studio, "s")
    assert between.status == "interrupted" and 2 <= ended(studio) < 12
    assert between.stored.sweep.state == "stopped" and (tmp_path / "s" / "report.html").is_file()
    go_on(studio, {"id": "s", "trials": 14})
    until(lambda: read(studio, "s").status == "finished", 110)
    assert ended(studio) == 14
    assert reading_module.read(studio, "s").stored.sweep.trials == 14


def ended(studio: Studio) -> int:
    return sum(trial.state != "waiting" for trial in read(studio, "s").stored.trials)


def until(holds: Any, seconds: float = 60.0) -> None:
    """Wait until `holds()` does."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.2)
