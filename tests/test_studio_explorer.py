"""The latent explorer: what a slider asks for is what the model decodes, and nothing else leaks."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from starlette.testclient import TestClient

from tests.conftest import Silent, small_recipe
from vaestro.data.tiles.look import Look
from vaestro.experiments import train as training
from vaestro.experiments.run import load
from vaestro.foundation.errors import DataError, UserError
from vaestro.metrics.live import LIVE_NATS
from vaestro.reports.figures.latent import flattened
from vaestro.reports.latent_plane import plane_of, principal_plane
from vaestro.studio.explorer import codes as codes_module
from vaestro.studio.explorer.codes import read_codes
from vaestro.studio.explorer.decoding import decode
from vaestro.studio.explorer.dimensions import SLIDERS, dimensions, order
from vaestro.studio.explorer.facts import facts, sample
from vaestro.studio.explorer.forms import sent
from vaestro.studio.explorer.shelf import KEPT, Shelf
from vaestro.studio.explorer.subject import Subject, subject_at
from vaestro.studio.frames import Asked
from vaestro.studio.ids import NotThere
from vaestro.studio.server import create
from vaestro.studio.studio import Studio

LATENT = 4


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plain run and one that is told labels."""
    folder = tmp_path_factory.mktemp("studio")
    training.start(small_recipe(), folder / "plain", Silent())
    labels = {"condition": {"kind": "labels"}}
    training.start(small_recipe(model=labels), folder / "told", Silent())
    return folder


@pytest.fixture
def studio(root: Path) -> Studio:
    return Studio(root, "token", 1)


@pytest.fixture(scope="module")
def plain(root: Path) -> Subject:
    return subject_at(root / "plain")


def copied(root: Path, place: Path, name: str = "plain") -> Path:
    """The files of a run that the explorer reads, in a folder of their own."""
    for part in ("model", "snapshots"):
        (place / part).mkdir(parents=True)
    kept = ("recipe.yaml", "manifest.json", "snapshots/final.npz")
    for file in (*kept, "model/config.json", "model/model.safetensors"):
        (place / file).write_bytes((root / name / file).read_bytes())
    return place


def asking(run: str, z: Any, **more: Any) -> Asked:
    return Asked({"run": run, **more}, np.asarray(z, np.float32).ravel())


class TestDecoding:
    def test_an_answer_is_what_the_run_decodes(self, studio: Studio, root: Path) -> None:
        z = np.random.default_rng(0).normal(size=(3, LATENT)).astype(np.float32)
        header, raw = decode(studio, asking("plain", z))
        expected = load(root / "plain").decode(z)
        assert header["form"] == "image"
        assert header["shape"] == (3, 8, 8, 1)
        assert header["milliseconds"] > 0
        seen = np.frombuffer(raw, np.uint8).reshape(3, 8, 8) / 255
        np.testing.assert_allclose(seen, expected[:, 0], atol=0.5 / 255 + 1e-6)

    def test_a_label_changes_the_picture_and_the_same_label_does_not(self, studio: Studio) -> None:
        z = np.zeros(LATENT)
        pictures = {
            label: decode(studio, asking("told", z, label=label))[1] for label in ("0", "1", "7")
        }
        assert len(set(pictures.values())) == 3
        assert decode(studio, asking("told", z, label="7"))[1] == pictures["7"]

    def test_without_a_label_one_of_the_training_data_is_taken(self, studio: Studio) -> None:
        z = np.zeros(LATENT)
        every = {decode(studio, asking("told", z, label=str(i)))[1] for i in range(10)}
        assert decode(studio, asking("told", z))[1] in every

    @pytest.mark.parametrize(
        ("asked", "words"),
        [
            (asking("plain", np.zeros(3)), "a sample of plain has 4"),
            (asking("plain", []), "the model needs"),
            (asking("plain", [0, 0, np.nan, 0]), "NaN or infinite"),
            (asking("plain", np.zeros(LATENT), label="1"), "told nothing"),
            (asking("told", np.zeros(LATENT), label="12"), "no such label"),
            (asking("told", np.zeros(LATENT), covariates={"size": 1.0}), "no covariate 'size'"),
            (asking("told", np.zeros(LATENT), covariates={"size": None}), "finite numbers by name"),
            (Asked({"run": 7}, np.zeros(4, np.float32)), "needs run"),
        ],
    )
    def test_a_mistake_is_one_line(self, studio: Studio, asked: Asked, words: str) -> None:
        with pytest.raises(UserError) as caught:
            decode(studio, asked)
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_too_many_at_once_are_refused(
        self, plain: Subject, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("vaestro.studio.explorer.subject.MOST_NUMBERS", 3 * 64)
        assert len(plain.decode(np.zeros((3, LATENT), np.float32))) == 3
        with pytest.raises(DataError, match="at most 3 are decoded"):
            plain.decode(np.zeros((4, LATENT), np.float32))

    def test_what_is_outside_the_root_is_not_there(self, studio: Studio, tmp_path: Path) -> None:
        inner = Studio(studio.root / "plain", "token", 1)
        for run in ("..", "../told", str(studio.root / "told"), "nobody"):
            with pytest.raises(NotThere):
                decode(inner, asking(run, np.zeros(LATENT)))


class TestInterface:
    @pytest.fixture
    def client(self, root: Path) -> TestClient:
        bearer = {"Authorization": "Bearer token", "Host": "127.0.0.1"}
        return TestClient(create(root, "token", 80), base_url="http://127.0.0.1", headers=bearer)

    def test_the_screen_and_a_sample_come_as_json(self, client: TestClient) -> None:
        found = client.get("/api/explore", params={"id": "plain"}).json()
        assert found["latent"] == LATENT
        code = client.get("/api/explore", params={"id": "plain", "sample": "3"}).json()["code"]
        assert len(code) == LATENT

    @pytest.mark.parametrize(
        ("query", "status"),
        [
            ({}, 400),
            ({"id": "../told"}, 404),
            ({"id": "plain", "sample": "-1"}, 400),
            ({"id": "plain", "sample": "9" * 40}, 400),
            ({"id": "plain", "sample": "99999"}, 400),
        ],
    )
    def test_a_mistake_is_a_line(
        self, client: TestClient, query: dict[str, str], status: int
    ) -> None:
        answer = client.get("/api/explore", params=query)
        assert answer.status_code == status
        assert "\n" not in answer.json()["error"]

    def test_a_slider_is_answered_by_the_socket(self, client: TestClient, studio: Studio) -> None:
        z = np.full(LATENT, 0.5, np.float32)
        with client.websocket_connect("/live") as socket:
            socket.send_bytes(frame({"run": "plain", "request": 7}, z))
            header, raw = answered(socket.receive_bytes(), 4)
            assert header["request"] == 7
            assert raw == decode(studio, asking("plain", z))[1]
            socket.send_bytes(frame({"run": "nobody", "request": 8}, z))
            fault = json.loads(socket.receive_bytes()[1:])
            assert fault["request"] == 8
            assert "nobody" in fault["error"]


def frame(header: dict[str, Any], z: np.ndarray) -> bytes:
    """A decode request as the page sends it."""
    head = json.dumps(header).encode()
    return b"\x03" + len(head).to_bytes(2, "little") + head + z.tobytes()


def answered(sent: bytes, kind: int) -> tuple[dict[str, Any], bytes]:
    """Header and bytes of an answer of `kind`."""
    size = int.from_bytes(sent[1:3], "little")
    assert sent[0] == kind
    return json.loads(sent[3 : 3 + size]), sent[3 + size :]


class TestShelf:
    def test_a_model_is_read_once_until_it_changes(self, root: Path, tmp_path: Path) -> None:
        folder = copied(root, tmp_path / "run")
        shelf = Shelf(Studio(tmp_path, "token", 1))
        first = shelf.at("run")
        assert shelf.at("run") is first
        path = folder / "model" / "model.safetensors"
        weights = {name: torch.zeros_like(t) for name, t in load_file(path).items()}
        save_file(weights, path)
        again = shelf.at("run")
        assert again is not first
        z = np.ones((1, LATENT), np.float32)
        assert np.ptp(first.decode(z)) > 0
        assert np.ptp(again.decode(z)) == 0

    def test_the_last_models_are_kept(self, root: Path, tmp_path: Path) -> None:
        names = [f"run-{i}" for i in range(KEPT + 1)]
        for name in names:
            copied(root, tmp_path / name)
        shelf = Shelf(Studio(tmp_path, "token", 1))
        read = [shelf.at(name) for name in names]
        assert shelf.at(names[-1]) is read[-1]
        assert shelf.at(names[1]) is read[1]
        assert shelf.at(names[0]) is not read[0]


class TestBrokenRuns:
    def test_weights_that_are_a_pickle_are_never_loaded(self, root: Path, tmp_path: Path) -> None:
        folder, mark = copied(root, tmp_path / "run"), tmp_path / "mark"

        class Hostile:
            def __reduce__(self) -> tuple[Any, ...]:
                return (Path.touch, (mark,))

        (folder / "model" / "model.safetensors").write_bytes(
            pickle.dumps(Hostile()) + bytes(100_000)
        )
        with pytest.raises(UserError, match="damaged"):
            subject_at(folder)
        assert not mark.exists()

    def test_codes_that_are_a_pickle_are_never_loaded(self, root: Path, tmp_path: Path) -> None:
        folder = copied(root, tmp_path / "run")
        hostile = np.array([[{"a": 1}] * LATENT], dtype=object)
        np.savez(folder / "snapshots" / "final.npz", latent=hostile)
        found = subject_at(folder)
        assert found.codes is None
        assert "damaged" in found.note

    @pytest.mark.parametrize("text", ["", "[1]", "{}", '{"spec": {"shape": "x"}}', "\x00"])
    def test_a_damaged_model_is_one_line(self, root: Path, tmp_path: Path, text: str) -> None:
        folder = copied(root, tmp_path / "run")
        (folder / "model" / "config.json").write_text(text)
        with pytest.raises(UserError) as caught:
            subject_at(folder)
        assert "\n" not in str(caught.value)

    def test_a_model_far_larger_than_its_weights_is_never_built(
        self, root: Path, tmp_path: Path
    ) -> None:
        folder = copied(root, tmp_path / "run")
        path = folder / "model" / "config.json"
        config = json.loads(path.read_text())
        config["model"]["decoder"]["widths"] = [3_000_000, 3_000_000]  # 36 TB
        path.write_text(json.dumps(config))
        with pytest.raises(UserError, match="not of one run"):
            subject_at(folder)

    def test_a_run_that_has_not_finished_says_so(self, root: Path, tmp_path: Path) -> None:
        folder = copied(root, tmp_path / "run")
        (folder / "model" / "config.json").unlink()
        with pytest.raises(UserError, match="has not finished"):
            subject_at(folder)

    def test_without_codes_the_sliders_stay(self, root: Path, tmp_path: Path) -> None:
        folder = copied(root, tmp_path / "run")
        (folder / "snapshots" / "final.npz").unlink()
        found = facts(subject_at(folder), "run")
        assert found["map"] is None
        assert "no map" in found["note"]
        assert [one["index"] for one in found["dimensions"]] == list(range(LATENT))
        assert {(one["low"], one["high"]) for one in found["dimensions"]} == {(-3.0, 3.0)}

    @pytest.mark.parametrize("part", ["model", "snapshots", "model/model.safetensors"])
    def test_a_link_out_of_the_root_is_not_read(
        self, root: Path, tmp_path: Path, part: str
    ) -> None:
        folder = copied(root, tmp_path / "root" / "run")
        away = tmp_path / "elsewhere"
        (folder / part).rename(away)
        (folder / part).symlink_to(away)
        shelf = Shelf(Studio(tmp_path / "root", "token", 1))
        with pytest.raises(UserError, match="leads out of the studio's root"):
            shelf.at("run")

    def test_a_folder_in_a_file_s_place_is_one_line(self, root: Path, tmp_path: Path) -> None:
        folder = copied(root, tmp_path / "run")
        (folder / "model" / "config.json").unlink()
        (folder / "model" / "config.json").mkdir()
        with pytest.raises(UserError, match="no plain file"):
            Shelf(Studio(tmp_path, "token", 1)).at("run")


class TestCodes:
    def test_codes_that_are_not_finite_are_left_out(self, tmp_path: Path) -> None:
        means = np.arange(12.0).reshape(3, 4)
        means[1, 2] = np.nan
        np.savez(tmp_path / "final.npz", latent=means, latent_labels=np.array([5, 6, 7]))
        found = read_codes(tmp_path / "final.npz", 4)
        assert found.means.tolist() == [[0, 1, 2, 3], [8, 9, 10, 11]]
        assert found.labels is not None
        assert found.labels.tolist() == [5, 7]

    def test_a_covariate_that_is_not_finite_shades_nothing(self, tmp_path: Path) -> None:
        known, broken = np.array([1.0, 2.0]), np.array([1.0, np.inf])
        for column, kept in ((known, True), (broken, False)):
            path = tmp_path / f"{kept}.npz"
            np.savez(path, latent=np.zeros((2, 4)), latent_covariate=column)
            assert (read_codes(path, 4).covariate is not None) is kept

    def test_another_model_s_codes_and_huge_ones_are_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "final.npz"
        np.savez(path, latent=np.zeros((5, 4)))
        assert len(read_codes(path, 4).means) == 5
        with pytest.raises(DataError, match="no codes of 3"):
            read_codes(path, 3)
        monkeypatch.setattr(codes_module, "MOST_BYTES", 100)
        with pytest.raises(DataError, match="says that it holds over"):
            read_codes(path, 4)

    def test_a_file_that_is_cut_is_refused(self, root: Path, tmp_path: Path) -> None:
        whole = (root / "plain" / "snapshots" / "final.npz").read_bytes()
        (tmp_path / "final.npz").write_bytes(whole[: len(whole) // 2])
        with pytest.raises(DataError, match="damaged"):
            read_codes(tmp_path / "final.npz", LATENT)


class TestFacts:
    def test_every_number_is_plain_json(self, studio: Studio) -> None:
        for run in ("plain", "told"):
            subject = studio.kept(Shelf).at(run)
            found = json.loads(json.dumps(facts(subject, run), allow_nan=False))
            assert found["form"] == "image"
            assert found["latent"] == LATENT
            assert found["base"] == [0.0] * LATENT
            assert found["map"]["samples"] == len(found["map"]["planes"][0]["points"])
            assert len(found["map"]["group"]) == found["map"]["samples"]

    def test_live_dimensions_come_first(self, plain: Subject) -> None:
        assert plain.codes is not None
        kl = np.array([0.001, 3.0, 0.5, 0.002])
        object.__setattr__(plain.codes, "kl", kl)
        found = dimensions(plain)
        assert [one["index"] for one in found] == [1, 2, 3, 0]
        assert [one["live"] for one in found] == [True, True, False, False]
        assert found[0]["kl"] == 3.0 > LIVE_NATS

    def test_a_slider_reaches_the_codes(self, plain: Subject) -> None:
        assert plain.codes is not None
        far = plain.codes.means.copy()
        far[:, 2] = np.linspace(-9, 5, len(far))
        object.__setattr__(plain.codes, "means", far)
        found = {one["index"]: one for one in dimensions(plain)}
        assert -9.1 <= found[2]["low"] <= -8.8
        assert 4.8 <= found[2]["high"] <= 5.1
        assert found[0]["low"] <= -3.0
        assert found[0]["high"] >= 3.0

    def test_no_more_than_sixteen_sliders(self, plain: Subject) -> None:
        class Wide:
            latent = 40

        assert len(order(plain)) == LATENT
        wide = Subject(plain.folder, Wide(), plain.spec, plain.look, None, "")  # type: ignore[arg-type]
        assert len(order(wide)) == 40
        assert len(order(wide)[:SLIDERS]) == 16

    def test_labels_are_offered_where_the_decoder_hears_them(self, studio: Studio) -> None:
        told = facts(studio.kept(Shelf).at("told"), "told")["told"]
        assert [one["value"] for one in told["labels"]] == [str(i) for i in range(10)]
        plain = facts(studio.kept(Shelf).at("plain"), "plain")["told"]
        assert plain == {"labels": [], "covariates": []}

    def test_covariates_have_ends_and_units(self, tmp_path: Path) -> None:
        heard = {"condition": {"kind": "covariates", "names": ["length"]}}
        recipe = small_recipe(
            data={"kind": "bundles", "streamlines": 60, "points": 16},
            model={"likelihood": {"kind": "gaussian"}, **heard},
            training={"epochs": 1, "batch_size": 20},
        )
        training.start(recipe, tmp_path / "run", Silent())
        subject = subject_at(tmp_path / "run")
        found = facts(subject, "run")
        (length,) = found["told"]["covariates"]
        assert (length["name"], length["unit"], found["unit"]) == ("length", "mm", "mm")
        assert 0 < length["low"] < length["typical"] < length["high"] < 500
        z = np.zeros((1, LATENT), np.float32)
        short, long = (subject.decode(z, None, {"length": length[end]}) for end in ("low", "high"))
        assert np.abs(short - long).max() > 0
        shown = np.array(found["context"])
        assert shown.shape[1:] == (3, 16)
        assert found["map"]["groups"]

    def test_a_sample_s_code_is_the_encoder_s(self, studio: Studio, root: Path) -> None:
        subject = studio.kept(Shelf).at("told")
        found = sample(subject, 5)
        encoded = load(root / "told").encode("validation")
        np.testing.assert_allclose(found["code"], encoded.mean[5].numpy(), atol=2e-5)
        assert encoded.labels is not None
        assert found["label"] == str(int(encoded.labels[5]))
        with pytest.raises(DataError, match="not on the map"):
            sample(subject, 10_000)


class TestPlane:
    def test_directions_are_a_frame_and_points_are_those_of_the_report(self) -> None:
        means = np.random.default_rng(3).normal(size=(50, 6)) * np.array([5, 4, 1, 1, 1, 1])
        plane = principal_plane(means)
        np.testing.assert_allclose(plane.directions @ plane.directions.T, np.eye(2), atol=1e-12)
        points, names = flattened(means)
        np.testing.assert_array_equal(points, means @ plane.directions.T)
        assert names == plane.axes

    def test_a_plane_of_two_dimensions_reads_them(self) -> None:
        code = np.array([7.0, 8.0, 9.0])
        assert (plane_of((2, 0), 3).directions @ code).tolist() == [9.0, 7.0]
        assert (plane_of((0, 0), 1).directions @ code[:1]).tolist() == [7.0, 0.0]


class TestForms:
    def test_greys_go_from_black_to_white(self) -> None:
        image = np.array([[[[-1.0, 0.0], [1.0, 9.0]]]], np.float32)
        drawn = sent(image, Look("image", -1.0, 1.0))
        assert (drawn.form, drawn.shape) == ("image", (1, 2, 2, 1))
        assert list(drawn.numbers) == [0, 128, 255, 255]

    def test_three_channels_are_colours_and_others_stand_side_by_side(self) -> None:
        three = np.zeros((1, 3, 1, 2), np.float32)
        three[0, 1, 0, 1] = 1.0
        drawn = sent(three, Look("image"))
        assert drawn.shape == (1, 1, 2, 3)
        assert list(drawn.numbers) == [0, 0, 0, 0, 255, 0]
        two = np.stack([np.zeros((1, 2)), np.ones((1, 2))])[None].astype(np.float32)
        drawn = sent(two, Look("image"))
        assert drawn.shape == (1, 1, 4, 1)
        assert list(drawn.numbers) == [0, 0, 255, 255]

    def test_numbers_that_are_not_finite_are_the_lowest(self) -> None:
        image = np.array([[[[np.nan, np.inf, -np.inf]]]], np.float32)
        assert list(sent(image, Look("image")).numbers) == [0, 255, 0]

    def test_curves_and_vectors_keep_their_units(self) -> None:
        line = np.arange(12, dtype=np.float32).reshape(1, 3, 4) * 7
        drawn = sent(line, Look("curves"))
        assert (drawn.form, drawn.shape) == ("lines", (1, 3, 4))
        np.testing.assert_array_equal(np.frombuffer(drawn.numbers, "<f4"), line.ravel())
        assert sent(line[:, 0], Look("lines")).form == "vector"

    def test_volumes_keep_their_channels(self) -> None:
        volume = np.random.default_rng(0).random((2, 4, 3, 5, 6)).astype(np.float32)
        drawn = sent(volume, Look("volume"))
        assert (drawn.form, drawn.shape) == ("volume", (2, 4, 3, 5, 6))
        assert len(drawn.numbers) == volume.size
