"""Starting runs from the studio: the form, the changes, the forecast, the processes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from starlette.testclient import TestClient

from tests.conftest import Silent, small_recipe
from vaestro.experiments import train as training
from vaestro.experiments.recipe import Recipe, apply, built_in, read_recipe
from vaestro.foundation.errors import DataError, RecipeError, RunFolderError
from vaestro.foundation.files import read_json, write_json
from vaestro.foundation.yaml_text import read_yaml
from vaestro.studio.ids import NotThere
from vaestro.studio.server import create
from vaestro.studio.starting import running
from vaestro.studio.starting.asked import Asked, checked, require_told, ticket
from vaestro.studio.starting.children import Children
from vaestro.studio.starting.command import command
from vaestro.studio.starting.edits import edits_between, written
from vaestro.studio.starting.form import form, legal
from vaestro.studio.starting.help import help_of, sentences
from vaestro.studio.starting.process import fingerprint
from vaestro.studio.studio import Studio

TOKEN = "t" * 32
SLEEPER = "import signal, time; signal.signal(signal.SIGTERM, lambda *a: exit(3)); time.sleep(60)"


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path, TOKEN, 1)


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    return TestClient(create(tmp_path, TOKEN, 80), base_url="http://127.0.0.1", headers=bearer)


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    return form()


@pytest.fixture
def sleeping(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Children that wait for a signal in the place of a training; their numbers."""
    started: list[int] = []

    def spawned(self: Children, identity: str, words: Any) -> "subprocess.Popen[bytes]":
        with self._log(identity).open("wb") as log:
            child = subprocess.Popen(
                [sys.executable, "-c", SLEEPER], stdout=log, stderr=log, start_new_session=True
            )
        started.append(child.pid)
        return child

    monkeypatch.setattr(Children, "_spawned", spawned)
    yield started
    for pid in started:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def until(holds: Any, seconds: float = 20.0) -> None:
    """Wait until `holds()` does."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


class TestForm:
    def test_every_field_of_every_part_is_there_once(self, told: dict[str, Any]) -> None:
        assert told["root"] == "Recipe"
        for model in models_in(Recipe):
            names = [f for f in model.model_fields if f != "kind"]
            fitting = [
                part
                for title, part in told["parts"].items()
                if title.endswith(model.__name__)
                and [field["name"] for field in part["fields"]] == names
            ]
            assert fitting, f"{model.__name__} has no part with the fields {names}"

    def test_kinds_are_choices_without_those_that_only_python_gives(
        self, told: dict[str, Any]
    ) -> None:
        encoder = field(told, "ModelConfig", "encoder")
        assert encoder["form"] == "kinds"
        assert {"dense", "convolution", "layers", "unet"} <= encoder["kinds"].keys()
        assert "given" not in encoder["kinds"]
        assert told["parts"][encoder["kinds"]["dense"]]["fields"][0]["name"] == "activation"

    @pytest.mark.parametrize(
        "part, name, expected",
        [
            ("TrainingConfig", "epochs", {"form": "integer", "least": 1, "default": 30}),
            ("TrainingConfig", "clip_norm", {"form": "number", "above": 0, "optional": True}),
            ("TrainingConfig", "threads", {"form": "integer", "words": ["auto"], "optional": True}),
            ("TrainingConfig", "ema", {"form": "number", "least": 0, "below": 1}),
            ("TrainingConfig", "compile", {"form": "boolean", "default": False}),
            ("TrainingConfig", "precision", {"form": "choice", "values": ["fp32", "bf16", "fp64"]}),
            ("TrainingConfig", "early_stopping", {"form": "part", "optional": True}),
            ("SplitConfig", "test", {"form": "number", "words": ["official"]}),
            ("AdamConfig", "betas", {"form": "list", "count": 2}),
            ("DenseConfig", "widths", {"form": "list", "count": None}),
            ("LayersConfig", "layers", {"form": "yaml", "required": True}),
            ("TwoPhase", "first", {"form": "number", "least": 0, "required": True}),
        ],
    )
    def test_types_and_ranges_are_those_of_the_schema(
        self, told: dict[str, Any], part: str, name: str, expected: dict[str, Any]
    ) -> None:
        found = field(told, part, name)
        assert {key: found.get(key) for key in expected} == expected

    def test_what_is_legal_is_said_in_words(self) -> None:
        assert legal({"form": "integer", "least": 1}) == "a whole number from 1 up"
        between = {"form": "number", "above": 0, "below": 1, "words": ["official"]}
        assert legal(between) == "a number above 0 below 1 or official"
        assert legal({"form": "number", "optional": True}) == "a number; empty for none"
        betas = {"form": "list", "of": {"form": "number", "least": 0}, "count": 2}
        assert legal(betas) == "2 numbers from 0 up with commas between them"
        assert legal({"form": "boolean"}) == ""

    def test_the_parts_that_every_recipe_has_are_explained_field_by_field(
        self, told: dict[str, Any]
    ) -> None:
        for part in ("Recipe", "ModelConfig", "ObjectiveConfig", "TrainingConfig", "SplitConfig"):
            bare = [f["name"] for f in told["parts"][part]["fields"] if not f["help"]]
            assert not bare, f"{part} says nothing of {bare}"

    def test_help_is_the_sentences_that_name_the_field(self) -> None:
        about = """What it is.

        `width` is wide (a; b. c), as wide as
        told; `depth` is deep. height, depth: both. Of `width: 3` more.
        """
        found = help_of(about, ["width", "depth", "height", "colour"])
        assert found == {
            "width": "`width` is wide (a; b. c), as wide as told. Of `width: 3` more.",
            "depth": "`depth` is deep.",
            "height": "height, depth: both.",
        }

    def test_sentences_end_outside_brackets_only(self) -> None:
        assert list(sentences("One (i. e. 1; or 2). Two; three 0.5 of it")) == [
            "One (i. e. 1; or 2).",
            "Two;",
            "three 0.5 of it",
        ]


class TestEdits:
    @pytest.mark.parametrize("names", list(pairwise([*built_in(), built_in()[0]])), ids="-to-".join)
    def test_they_make_any_recipe_of_any_other(self, names: tuple[str, str]) -> None:
        old, new = map(read_recipe, names)
        edits = edits_between(old, new)
        assert apply(old, edits) == new
        assert edits_between(new, new) == []

    @pytest.mark.parametrize(
        "asked, expected",
        [
            (["objective.beta=4"], ["objective.beta=4"]),
            (["objective.beta.kind=constant", "objective.beta.value=4.0"], ["objective.beta=4"]),
            (["model.latent=12"], []),
            (["model.latent=3", "model.latent=5"], ["model.latent=5"]),
            (["model.decoder.widths=32,64"], ["model.decoder.widths=[32, 64]"]),
            (
                ["objective.beta={kind: geco, target: 10, rate: 0.5}"],
                [
                    "objective.beta.kind=geco",
                    "objective.beta.target=10",
                    "objective.beta.rate=0.5",
                ],
            ),
            (["objective.beta.length=5 epochs"], ["objective.beta.length=5 epochs"]),
            (["training.early_stopping=null"], ["training.early_stopping=null"]),
        ],
    )
    def test_they_are_the_fewest(self, asked: list[str], expected: list[str]) -> None:
        base = read_recipe("digits")
        assert edits_between(base, apply(base, asked)) == expected

    @pytest.mark.parametrize(
        "value",
        ["plain", "", "yes", "1e3", "a: b", "# no", "it's", [1, 2.5], ["a,b"], None, 3, {"a": "1"}],
    )
    def test_a_value_reads_back_as_it_was(self, value: Any) -> None:
        assert read_yaml(written(value), "") == value


class TestAsked:
    def test_the_command_starts_just_this(self, studio: Studio) -> None:
        answer = checked(studio, Asked(recipe="digits", set=("model.latent=3", "model.latent=5")))
        run = studio.root / "digits-001"
        assert answer["error"] is None
        assert answer["command"] == f"vaestro train digits --set model.latent=5 --run {run}"
        assert answer["values"]["model"]["latent"] == 5
        assert answer["base"]["model"]["latent"] == 12

    def test_what_is_not_legal_yet_is_shown_as_far_as_it_goes(self, studio: Studio) -> None:
        edits = ("model.latent=5", "objective.beta.kind=geco", "model.nothing=1")
        answer = checked(studio, Asked(recipe="digits", set=edits))
        assert answer["error"].startswith("unknown field model.nothing")
        assert answer["values"]["objective"]["beta"] == {"kind": "geco"}
        assert answer["values"]["model"]["latent"] == 5
        assert answer["set"] == list(edits)
        answer = checked(studio, Asked(recipe="digits", set=edits[:2]))
        assert answer["error"].startswith("objective.beta.target is missing")
        answer = checked(studio, Asked(recipe="digits", set=("--json",)))
        assert "not of the form field.path=value" in answer["error"]

    def test_data_of_a_person_choose_the_recipe(self, studio: Studio, tmp_path: Path) -> None:
        rows = tmp_path / "my rows, 1.csv"
        rows.write_text("a,b\n" + "1,2\n3,4\n" * 30)
        answer = checked(studio, Asked(data=str(rows)))
        assert answer["values"]["data"]["kind"] == "arrays"
        run = studio.root / "vectors-001"
        assert answer["command"] == f"vaestro train --data '{rows}' --run {run}"

    def test_a_run_is_a_recipe(self, studio: Studio, tmp_path: Path) -> None:
        (tmp_path / "mine").mkdir()
        recipe = apply(read_recipe("digits"), ["model.latent=7"])
        (tmp_path / "mine" / "recipe.yaml").write_text(recipe.to_yaml())
        answer = checked(studio, Asked(run="mine"))
        assert answer["values"]["model"]["latent"] == 7
        assert f"vaestro train {tmp_path / 'mine' / 'recipe.yaml'} --run" in answer["command"]

    @pytest.mark.parametrize(
        "asked, kind, said",
        [
            ({"recipe": "digit"}, RecipeError, "did you mean digits"),
            ({"recipe": "/etc/passwd"}, RecipeError, "there is no recipe"),
            ({"recipe": "--help"}, RecipeError, "there is no recipe"),
            ({"data": "/there/is/none"}, DataError, "does not exist on this machine"),
            ({"data": "a\0b"}, DataError, "does not exist"),
            ({"run": "../other"}, NotThere, "there is no folder"),
            ({"run": "."}, RunFolderError, "holds no recipe.yaml"),
        ],
    )
    def test_mistakes_are_one_line(
        self, studio: Studio, asked: dict[str, str], kind: type[Exception], said: str
    ) -> None:
        with pytest.raises(kind, match=said) as fault:
            checked(studio, Asked.parse(asked))
        assert "\n" not in str(fault.value)

    def test_a_ticket_is_of_one_recipe_and_one_studio(self, studio: Studio) -> None:
        recipe = read_recipe("digits")
        shown = ticket(studio, recipe)
        require_told(studio, recipe, shown)
        with pytest.raises(RecipeError, match="look at the forecast first"):
            require_told(studio, apply(recipe, ["model.latent=5"]), shown)
        with pytest.raises(RecipeError, match="look at the forecast first"):
            require_told(Studio(studio.root, "other", 1), recipe, shown)

    def test_a_command_reads_as_a_person_types_it(self) -> None:
        words = ["train", "--set=a=b c", "--run", "x"]
        assert command(words) == "vaestro train --set 'a=b c' --run x"


class TestChildren:
    def test_a_child_is_a_session_of_its_own_and_known_from_files(
        self, tmp_path: Path, sleeping: list[int]
    ) -> None:
        child = Children(tmp_path).start("a/b", "run", ["train", "--run", "x"])
        assert os.getsid(child.pid) == child.pid != os.getsid(0)
        assert child.alive
        assert Children(tmp_path).of("a/b") == child
        with pytest.raises(RunFolderError, match="at work already"):
            Children(tmp_path).start("a/b", "run", [])
        assert len(sleeping) == 1

    def test_stop_is_a_sigterm_and_the_second_is_none(
        self, tmp_path: Path, sleeping: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        children = Children(tmp_path)
        children.start("r", "run", [])
        sent: list[tuple[int, int]] = []
        monkeypatch.setattr(os, "kill", lambda pid, number: sent.append((pid, number)))
        assert children.stop("r").stopping
        assert children.stop("r").stopping
        assert sent == [(sleeping[0], signal.SIGTERM)]

    def test_an_ended_child_can_be_followed_by_another(
        self, tmp_path: Path, sleeping: list[int]
    ) -> None:
        children = Children(tmp_path)
        first = children.start("r", "run", [])
        os.kill(first.pid, signal.SIGKILL)
        until(lambda: not first.alive)
        with pytest.raises(RunFolderError, match="in a terminal is stopped there"):
            children.stop("r")
        second = children.start("r", "run", [])
        assert second.alive and second.pid != first.pid

    def test_a_process_that_only_has_the_number_is_left_alone(self, tmp_path: Path) -> None:
        children = Children(tmp_path)
        own = fingerprint(os.getpid())
        assert own is not None and own == fingerprint(os.getpid())
        write_record(children, "r", pid=os.getpid(), process="another time")
        child = children.of("r")
        assert child is not None and not child.alive
        with pytest.raises(RunFolderError):
            children.stop("r")

    def test_records_that_cannot_be_read_are_none(self, tmp_path: Path) -> None:
        children = Children(tmp_path)
        write_record(children, "good", began="2026-01-01")
        write_record(children, "later", began="2026-01-02")
        (children.records / "a.json").write_text("{")
        (children.records / "b.json").write_text('{"id": 3}')
        (children.records / "c.json").write_bytes(b"\xff\xfe")
        assert [child.id for child in children.all()] == ["later", "good"]

    def test_a_record_that_points_elsewhere_is_not_shown(self, studio: Studio) -> None:
        children = Children(studio.root)
        for identity in ("../secret", "/etc", "gone"):
            write_record(children, identity)
        (studio.root / "here").mkdir()
        write_record(children, "here")
        assert [one["id"] for one in running.children(studio)["children"]] == ["here"]

    def test_the_child_of_a_run_is_told(self, studio: Studio) -> None:
        (studio.root / "here").mkdir()
        assert running.child(studio, "here") == {"child": None}
        write_record(Children(studio.root), "here")
        assert running.child(studio, "here")["child"]["state"] == "failed"
        with pytest.raises(NotThere):
            running.child(studio, "there")

    def test_nothing_is_written_through_links(self, tmp_path: Path) -> None:
        (tmp_path / "root").mkdir()
        (tmp_path / "precious").write_text("mine")
        children = Children(tmp_path / "root")
        children.logs.mkdir(parents=True)
        children._log("r").symlink_to(tmp_path / "precious")
        child = children.start("r", "run", ["--version"])
        until(lambda: not child.alive)
        assert (tmp_path / "precious").read_text() == "mine"
        assert not children._log("r").is_symlink()
        shutil.rmtree(children.place)
        (tmp_path / "elsewhere").mkdir()
        children.place.symlink_to(tmp_path / "elsewhere")
        with pytest.raises(RunFolderError, match="leads out of the studio's root"):
            children.start("r", "run", ["--version"])
        assert not list((tmp_path / "elsewhere").iterdir())

    def test_last_words_are_the_fault_where_there_is_one(self, tmp_path: Path) -> None:
        children = Children(tmp_path)
        assert children.last_words("r") == ""
        children.logs.mkdir(parents=True)
        children._log("r").write_text("step 1\nerror: the disk is full\nat exit\n")
        assert children.last_words("r") == "error: the disk is full"
        children._log("r").write_bytes(b"x" * 100_000 + b"\nlast \xff\n\n")
        assert children.last_words("r") == "last \ufffd"


class TestAddresses:
    def test_a_start_without_its_forecast_is_refused(
        self, client: TestClient, tmp_path: Path, sleeping: list[int]
    ) -> None:
        asked = {"recipe": "digits"}
        answer = client.post("/api/start/run", json={"asked": asked, "ticket": "0" * 64})
        assert answer.status_code == 400 and "look at the forecast first" in answer.json()["error"]
        assert not sleeping and not list(tmp_path.glob("digits*"))

    def test_a_start_reserves_its_folder(
        self, client: TestClient, tmp_path: Path, sleeping: list[int]
    ) -> None:
        shown = ticket(Studio(tmp_path, TOKEN, 80), read_recipe("digits"))
        body = {"asked": {"recipe": "digits"}, "ticket": shown}
        ids = [client.post("/api/start/run", json=body).json()["id"] for _ in range(2)]
        assert ids == ["digits-001", "digits-002"]
        listed = client.get("/api/start/children").json()["children"]
        assert [one["id"] for one in listed] == ids[::-1]
        assert listed[1]["command"] == f"vaestro train digits --run {tmp_path / 'digits-001'}"
        assert listed[0]["state"] == "running" and listed[0]["alive"]
        stopped = client.post("/api/start/stop", json={"id": "digits-001"}).json()
        assert stopped["state"] in ("stopping", "failed")  # it may have gone at once
        until(lambda: not client.get("/api/start/children").json()["children"][1]["alive"])
        assert client.get("/api/start/children").json()["children"][1]["state"] == "failed"

    def test_resume_takes_what_there_is(self, tmp_path: Path, sleeping: list[int]) -> None:
        studio = Studio(tmp_path, TOKEN, 80)
        (tmp_path / "empty").mkdir()
        with pytest.raises(RunFolderError, match="had not begun"):
            running.resume(studio, {"id": "empty"})
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "recipe.yaml").write_text("{}")
        for epochs in (0, "9", True, 2.5):
            with pytest.raises(RunFolderError, match="a whole number from 1 up"):
                running.resume(studio, {"id": "run", "epochs": epochs})
        assert not sleeping
        words = f"vaestro train --resume --run {tmp_path / 'run'}"
        told = running.resume(studio, {"id": "run", "epochs": 9})
        assert told["command"] == f"{words} --set training.epochs=9"
        assert told["resume"] == words

    @pytest.mark.parametrize("status", ["finished", "interrupted", 3, None])
    def test_a_status_is_what_the_folder_says(self, tmp_path: Path, status: Any) -> None:
        write_json(tmp_path / "summary.json", {"status": status})
        assert running.status(tmp_path) == (status if isinstance(status, str) else None)
        (tmp_path / "summary.json").write_text("[broken")
        assert running.status(tmp_path) == "unreadable"

    def test_the_form_and_the_recipes_come_as_json(self, client: TestClient) -> None:
        assert client.get("/api/start/form").json()["root"] == "Recipe"
        recipes = client.get("/api/start/recipes").json()["recipes"]
        assert [one["name"] for one in recipes] == built_in()
        assert client.get("/api/start/run").status_code in (404, 405)
        for body in ("[]", "{", '{"recipe": 3}'):
            answer = client.post("/api/start/check", content=body)
            assert answer.status_code == 400 and answer.json()["error"]


@pytest.mark.slow
def test_a_run_is_foretold_started_stopped_and_resumed(client: TestClient, tmp_path: Path) -> None:
    """With real processes; what comes out is what an uninterrupted run gives, byte for byte."""
    recipe = small_recipe(training={"epochs": 60, "checkpoint_steps": 5})
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "recipe.yaml").write_text(recipe.to_yaml())
    asked = {"run": "base", "set": ["model.latent=3"]}
    answer = client.post("/api/start/forecast", json=asked).json()
    assert answer["forecast"]["latent"] == 3 and answer["forecast"]["cost"]["seconds"] > 0
    child = client.post("/api/start/run", json={"asked": asked, "ticket": answer["ticket"]}).json()
    run = tmp_path / child["id"]
    until(lambda: (run / "history.jsonl").is_file() and (run / "history.jsonl").stat().st_size, 60)
    client.post("/api/start/stop", json={"id": child["id"]})

    def state() -> str:
        return str(client.get("/api/start/children").json()["children"][0]["state"])

    until(lambda: state() not in ("running", "stopping"), 60)
    assert state() == "interrupted"
    stopped_at = read_json(run / "summary.json")["steps"]
    client.post("/api/start/resume", json={"id": child["id"]})
    until(lambda: state() == "finished", 60)
    assert stopped_at < read_json(run / "summary.json")["steps"]
    whole = tmp_path / "whole"
    training.start(apply(recipe, ["model.latent=3"]), whole, Silent())
    assert (run / "history.jsonl").read_bytes() == (whole / "history.jsonl").read_bytes()


@pytest.mark.slow
def test_a_forecast_that_fails_says_why_in_a_line(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n3,4\n")
    answer = client.post("/api/start/forecast", json={"data": str(tmp_path / "x.csv")})
    assert answer.status_code == 400
    assert answer.json()["error"] and "Traceback" not in answer.json()["error"]


def models_in(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Every configuration inside another, each once, but what only Python gives."""
    seen: set[type[BaseModel]] = set()

    def walk(annotation: Any) -> Iterator[type[BaseModel]]:
        is_model = isinstance(annotation, type) and issubclass(annotation, BaseModel)
        if is_model and annotation not in seen:
            seen.add(annotation)
            yield annotation
            for one in annotation.model_fields.values():
                yield from walk(one.annotation)
        for inner in getattr(annotation, "__args__", ()):
            yield from walk(inner)

    yield from walk(model)


def field(told: dict[str, Any], part: str, name: str) -> dict[str, Any]:
    [found] = [one for one in told["parts"][part]["fields"] if one["name"] == name]
    return dict(found)


def write_record(children: Children, identity: str, **more: Any) -> None:
    """A record as another studio left it."""
    children.records.mkdir(parents=True, exist_ok=True)
    values = {"id": identity, "what": "run", "words": ["train"], "began": "2026-01-01"}
    values |= {"pid": 2**22 - 1, "process": "x"} | more
    children._record(identity).write_text(json.dumps(values))
