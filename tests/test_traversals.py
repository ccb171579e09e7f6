"""Traversals that say what they do: measures of shapes, associations, sets, pages."""

import html.parser
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats
from torch import Tensor

from tests.conftest import Silent, small_recipe
from tests.conftest import printed as called
from vaestro.data.dataset import checked
from vaestro.data.tiles.row_names import named
from vaestro.experiments import train as training
from vaestro.experiments.run import Run, load
from vaestro.experiments.sample_set import members
from vaestro.experiments.traversal import walked
from vaestro.foundation.errors import DataError
from vaestro.foundation.samples import Frame, SampleSpec
from vaestro.generation.geometry import geometry
from vaestro.generation.meanings import Held, meanings
from vaestro.generation.traversals import between, interpolate, moved
from vaestro.metrics.association import eta_squared, spearman


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).double()


# associations


def test_spearman_is_scipys() -> None:
    one = normal(60, 3).round(decimals=0)  # with ties
    other = torch.cat([one[:, :1].exp(), normal(60, 1, seed=1), torch.ones(60, 1).double()], 1)
    found = spearman(one, other)
    for i in range(3):
        for j in range(2):
            known = stats.spearmanr(one[:, i].numpy(), other[:, j].numpy()).statistic
            assert float(found[i, j]) == pytest.approx(known, abs=1e-12)
    assert float(found[0, 0]) == pytest.approx(1)
    assert bool((found[:, 2] == 0).all())


def test_eta_squared_is_the_share_between_labels() -> None:
    labels = torch.arange(3000) % 3
    apart = labels.double()[:, None] + 0.5 * normal(3000, 1)
    found = eta_squared(torch.cat([apart, normal(3000, 1, seed=1), labels[:, None]], 1), labels)
    within, total = 0.25, 0.25 + 2 / 3
    assert float(found[0]) == pytest.approx(1 - within / total, abs=0.02)
    assert float(found[1]) == pytest.approx(2 / 2999, abs=0.003)
    assert float(found[2]) == pytest.approx(1)
    groups = [apart[labels == k, 0].numpy() for k in range(3)]
    f = stats.f_oneway(*groups).statistic
    assert float(found[0]) == pytest.approx(2 * f / (2 * f + 2997), abs=1e-9)
    assert float(eta_squared(torch.ones(9, 1), labels[:9])) == 0


# geometry


def test_images_are_measured() -> None:
    images = np.zeros((3, 1, 21, 31))
    images[0, 0, 5:16, 10:21] = 0.8  # 11 by 11, upright
    for row in range(5, 16):
        images[1, 0, row, 25 - row] = 1.0  # a stroke that leans right, one column a row
    found = geometry(images, SampleSpec((1, 21, 31), "unit"))
    side = math.sqrt((11**2 - 1) / 12)  # of a discrete uniform distribution
    assert found["width"][0] == pytest.approx(side)
    assert found["height"][:2] == pytest.approx([side, side])
    assert found["slant"][:2] == pytest.approx([0, 1])
    assert found["brightness"][0] == pytest.approx(0.8 * 121 / 651)
    assert found["area"][:2] == pytest.approx([121 / 651, 11 / 651])
    assert all(np.isfinite(values).all() for values in found.values())  # black is an image too


def test_streamlines_are_measured() -> None:
    angle = np.linspace(0, np.pi, 200)
    arc = 20 * np.stack([np.cos(angle), np.sin(angle), 0 * angle])
    found = geometry(np.stack([arc, np.zeros_like(arc)]), SampleSpec((3, 200), "real"))
    assert found["length"][0] == pytest.approx(20 * math.pi, rel=1e-3)
    assert found["mean_curvature"][0] == pytest.approx(1 / 20, rel=0.02)
    assert [found[f"end_{axis}"][0] for axis in "xyz"] == pytest.approx([-20, 0, 0], abs=1e-9)
    assert found["length"][1] == pytest.approx(0, abs=1e-5)


def test_volumes_are_measured_in_world_units() -> None:
    volumes = np.zeros((2, 1, 9, 9, 9))
    volumes[0, 0, 4, 4, 2] = volumes[0, 0, 4, 4, 6] = 3.0
    volumes[1, 0, 2, 4, 4] = volumes[1, 0, 6, 4, 4] = 3.0
    plain = geometry(volumes, SampleSpec((1, 9, 9, 9), "real"))
    assert plain["mass"] == pytest.approx([6, 6])
    assert plain["radius_of_gyration"] == pytest.approx([2, 2])
    frame = Frame.of(np.diag([0.5, 1.0, 3.0, 1.0]), (9, 9, 9))  # x, y, z; the last axis is x
    world = geometry(volumes, SampleSpec((1, 9, 9, 9), "real", frame=frame))
    assert world["radius_of_gyration"] == pytest.approx([1, 6])


def test_vectors_are_their_own_numbers_unless_there_are_many() -> None:
    rows = np.arange(6.0).reshape(2, 3)
    found = geometry(rows, SampleSpec((3,), "real", names=("a", "b", "c")))
    assert found["b"].tolist() == [1, 4]
    assert geometry(np.zeros((2, 100)), SampleSpec((100,), "real")) == {}


# meanings


def test_a_dimension_is_named_after_what_goes_with_it() -> None:
    codes = normal(500, 4)
    label = (codes[:, 0] > 0).long()
    held = Held(
        codes,
        torch.tensor([2.0, 1.0, 0.001, 0.5]),
        label,
        {"age": 50 + 9 * codes[:, 1].numpy()},
        {"slant": -(codes[:, 3].numpy() ** 3)},
    )
    walk = {"slant": np.array([[0.0, 1.0], [0.0, 0.0], [0.0, 0.0], [0.4, -0.4]])}
    first, second, third, fourth = meanings(held, [0, 1, 2, 3], walk)
    assert first.names[0].startswith("label 0.6")  # 2 / pi of a normal's variance
    assert second.names == ["age +1.00"]
    assert second.live and not third.live
    assert third.names == []
    assert fourth.names == ["slant -1.00"]
    assert tuple(fourth.geometry["slant"]) == pytest.approx((-1, 0.4, -0.4))
    assert json.loads(json.dumps(fourth.plain()))["geometry"]["slant"]["last"] == -0.4


# walks and arithmetic on a trained run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    root = tmp_path_factory.mktemp("walks") / "run"
    quick = {"epochs": 10, "batch_size": 50}
    model = {"likelihood": {"kind": "gaussian", "variance": 0.02}}
    training.start(small_recipe(model=model, training=quick), root, Silent())
    return load(root)


def test_live_dimensions_come_first_and_say_what_they_do(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "walk.png"
    record = called(capsys, "traverse", str(run.folder.root), "--out", str(out))
    assert record["kl"] == sorted(record["kl"], reverse=True)
    assert [one["dimension"] for one in record["meanings"]] == record["dimensions"]
    first = record["meanings"][0]
    assert first["live"]
    assert 0.05 < first["label_eta_squared"] < 1
    assert set(first["geometry"]) == {"brightness", "area", "width", "height", "slant"}
    assert any(one["names"] for one in record["meanings"])
    with Image.open(out) as picture:
        assert picture.width > 7 * 58 + 40  # seven tiles, and names at their left


def test_the_change_is_that_of_the_decoded_walk(run: Run) -> None:
    found = walked(run, [1, 0])
    flat = geometry(found.walk.samples.flatten(0, 1).numpy(), run.spec)
    assert found.meanings[0].dimension == 1
    for row in (0, 1):
        change = found.meanings[row].geometry["slant"]
        assert change.first == pytest.approx(flat["slant"][7 * row])
        assert change.last == pytest.approx(flat["slant"][7 * row + 6])
    with pytest.raises(DataError, match="0 to 3"):
        walked(run, [9])


class Tags(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_page_of_sliders_is_whole_in_itself(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "walk.html"
    called(
        capsys, "traverse", str(run.folder.root), "--out", str(out), "--dims", "2", "--dims", "0"
    )
    text = out.read_text()
    tags = Tags()
    tags.feed(text)
    sliders = [attributes for tag, attributes in tags.found if tag == "input"]
    assert [one["type"] for one in sliders] == ["range", "range"]
    assert sliders[0]["max"] == "24"
    pictures = [attributes["src"] for tag, attributes in tags.found if tag == "img"]
    assert all(source and source.startswith("data:image/png;base64,") for source in pictures)
    assert text.count("data:image/png;base64,") == 2 * 25 + 2
    assert "http://" not in text
    assert "https://" not in text
    assert "prefers-color-scheme: dark" in text
    labelled = [tag for tag, _ in tags.found if tag == "label"]
    assert len(labelled) == 2


def test_arithmetic_moves_codes_by_the_difference_of_two_sets(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "moved.npz"
    arguments = ["arithmetic", str(run.folder.root), "--plus", "3", "--minus", "0", "--n", "4"]
    record = called(capsys, *arguments, "--out", str(out))
    labels = run.material.data.labels
    assert labels is not None
    own = labels[run.material.split.train]
    assert record["sets"] == [int((own == 3).sum()), int((own == 0).sum())]
    codes = run.encode("train").mean
    way = codes[torch.from_numpy(own == 3)].mean(0) - codes[torch.from_numpy(own == 0)].mean(0)
    assert record["distance"] == pytest.approx(float(way.norm()), rel=1e-4)
    zeros = torch.from_numpy(labels[run.material.split.test] == 0)
    start = run.encode("test").mean[zeros][:4]
    with np.load(out) as held:
        assert held["samples"].shape == (4, 8, 1, 8, 8)
        assert np.allclose(held["samples"][:, 0], run.decode(start.numpy()), atol=1e-5)
        assert np.allclose(held["samples"][:, -1], run.decode((start + way).numpy()), atol=1e-4)


def test_the_way_is_from_mean_to_mean(run: Run) -> None:
    plus, minus = normal(50, 4).float() + 1, normal(20, 4, seed=1).float()
    way = between(plus, minus)
    assert torch.allclose(way, plus.mean(0) - minus.mean(0), atol=1e-6)
    walk = moved(run.vae, minus[:3], way, 5)
    assert torch.equal(walk, interpolate(run.vae, minus[:3], minus[:3] + way, 5))


def test_a_set_is_a_label_or_a_side_of_a_number() -> None:
    values = np.zeros((4, 2), np.float32)
    values[0] = 1
    ages = {"age": np.array([20.0, 30.0, 40.0, 50.0])}
    data = checked("d", values, "real", labels=np.array([0, 1, 1, 0]), covariates=ages)
    rows = np.array([3, 2, 1])
    assert members("1", data, rows).tolist() == [False, True, True]
    assert members("age>35", data, rows).tolist() == [True, True, False]
    assert members("age < 35", data, rows).tolist() == [False, False, True]
    for text, names in (
        ("age>90", "none"),
        ("aeg>3", "age"),
        ("7", "0 to 1"),
        ("age>1e", "number"),
    ):
        with pytest.raises(DataError, match=names):
            members(text, data, rows)
    with pytest.raises(DataError, match="no labels"):
        members("1", checked("d", values, "real"), rows)


def test_rows_are_named_at_their_left() -> None:
    sheet = np.zeros((80, 50, 1), np.uint8)
    found = named(sheet, ["z0 1.2 nats\nslant +0.9", "z1"])
    assert found.shape[0] == 80
    assert found.shape[2] == 3
    assert bool((found[:, -50:] == 0).all())
    margin = found[:, :-50]
    assert bool((margin[:40] < 128).any())  # both rows have ink
    assert bool((margin[40:] < 128).any())
    assert (margin[:40] < 128).sum() > (margin[40:] < 128).sum()
