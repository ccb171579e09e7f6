"""The toys: their factors, their division, their bodies, and what their pictures show."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vaestro.data.cache import FOLDER_VARIABLE
from vaestro.data.images.drawing.building import box, capsule, cylinder, ellipsoid
from vaestro.data.images.drawing.solids import Rays, Solid, first_hit, normals
from vaestro.data.images.drawing.toy_shapes import toy
from vaestro.data.images.thinning import around, evenly
from vaestro.data.images.toys import ToysConfig, load_toys
from vaestro.data.split import SplitConfig, split
from vaestro.foundation.errors import RecipeError

FEW = {"size": 24, "instances": 3, "elevations": 2, "azimuths": 3, "lightings": 2}
SAMPLES = 5 * 3 * 2 * 3 * 2


@pytest.fixture(autouse=True, scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of this file's own."""
    with pytest.MonkeyPatch.context() as patch:
        path = tmp_path_factory.mktemp("cache")
        patch.setenv(FOLDER_VARIABLE, str(path))
        yield path


def few(**fields: Any) -> ToysConfig:
    return ToysConfig.parse({**FEW, **fields})


def test_samples_labels_and_covariates() -> None:
    data = load_toys(few())
    assert data.values.shape == (2 * SAMPLES, 1, 24, 24) and data.values.dtype == np.uint8
    assert data.spec.levels == 256 and data.notes == ()
    assert data.spec.label_names == ("animal", "human", "plane", "truck", "car")
    assert data.labels is not None and data.groups is not None
    assert np.bincount(data.labels).tolist() == [2 * SAMPLES // 5] * 5
    assert sorted(set(data.groups.tolist())) == [10 * c + i for c in range(5) for i in (1, 5, 8)]
    unique = {name: sorted(set(column.tolist())) for name, column in data.covariates.items()}
    assert unique == {
        "elevation": [40, 60],
        "azimuth": [0, 120, 240],
        "lighting": [1, 4],
        "stereo": [0, 1],
    }
    assert data.covariates["stereo"][:4].tolist() == [0, 1, 0, 1]
    assert data.covariates["lighting"][:4].tolist() == [1, 1, 4, 4]
    assert len(np.unique(data.values[:].reshape(2 * SAMPLES, -1), axis=0)) == 2 * SAMPLES


def test_one_eye_and_pairs_are_the_same_pictures() -> None:
    both = load_toys(few()).values[:]
    assert np.array_equal(load_toys(few(stereo="left")).values[:], both[::2])
    assert np.array_equal(load_toys(few(stereo="right")).values[:], both[1::2])
    pairs = load_toys(few(stereo="pair"))
    assert np.array_equal(pairs.values[:].reshape(both.shape), both)
    assert "stereo" not in pairs.covariates
    with pytest.raises(RecipeError, match="label=stereo needs stereo=unrolled"):
        few(stereo="left", label="stereo")


def test_another_label() -> None:
    assert load_toys(few(label="azimuth")).labels.tolist()[:12:4] == [0, 6, 12]  # type: ignore[union-attr]
    assert set(load_toys(few(label="instance")).labels.tolist()) == {1, 5, 8}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("instances", "parts"),
    [
        (3, ([1], [5], [8])),
        (4, ([1, 3], [6], [8])),
        (10, ([0, 1, 2, 3, 4, 5, 6], [7, 8], [9])),
    ],
)
def test_the_division(instances: int, parts: tuple[list[int], ...]) -> None:
    config = few(instances=instances)
    assert [list(part) for part in config.parts] == list(parts)
    if instances == 3:
        data = load_toys(config)
        cut = split(data, SplitConfig(validation="official", test="official"))
        assert data.groups is not None
        held = [sorted(set((data.groups[p] % 10).tolist())) for p in (cut.train, cut.validation)]
        assert held == [[1], [5]] and set(data.groups[cut.test] % 10) == {8}


@pytest.mark.parametrize("total", [6, 9, 10, 18, 40])
def test_taken_evenly(total: int) -> None:
    for take in (evenly, around):
        assert take(total, total).tolist() == list(range(total))
        for count in range(1, total + 1):
            taken = take(total, count)
            assert len(taken) == count and taken[0] >= 0 and taken[-1] < total
            assert count == 1 or np.ptp(np.diff(taken)) <= 1 <= np.diff(taken).min()
    assert evenly(9, 1).tolist() == [4] and around(18, 3).tolist() == [0, 6, 12]


@pytest.mark.parametrize(
    "solid",
    [
        ellipsoid((0.1, 0, 0.2), (0.9, 0.5, 0.3), 1, pitch=30),
        box((-0.4, -0.5, -0.1), (0.6, 0.5, 0.5), 1),
        capsule((0.1, 0, -0.5), (0.3, 0.2, 0.9), 0.3, 1),
        cylinder((-0.4, 0, 0.2), (0.6, 0.3, 0.3), 0.4, 1),
    ],
    ids=["ellipsoid", "box", "capsule", "cylinder"],
)
def test_rays_stop_where_the_body_begins(solid: Solid) -> None:
    """Against steps along each ray, with the body told point by point."""
    slopes = np.linspace(-0.3, 0.3, 15)
    origin = np.array([0.3, -4.0, 0.4])
    columns = np.stack((slopes, np.ones(15), np.zeros(15)))
    rows = np.stack((np.zeros(15), np.zeros(15), slopes))
    found = first_hit(solid, Rays(origin, columns, rows))
    depths = np.linspace(2, 6, 4001)
    missed = 0
    for row in range(15):
        for column in range(15):
            ray = origin[:, None] + depths * (columns[:, column] + rows[:, row])[:, None]
            own = solid.rotation.T @ (ray - solid.centre[:, None])
            hits = _holds(solid, own)
            if hits.sum() > 3:
                assert found[row, column] == pytest.approx(depths[hits.argmax()], abs=0.002)
            else:
                missed += 1
    assert np.isinf(found).sum() == pytest.approx(missed, abs=4) and 20 < missed < 205


def _holds(solid: Solid, own: np.ndarray) -> np.ndarray:
    """Which points (3, P) along its own axes are in the body."""
    x, y, z = np.abs(own)
    radius, length = solid.half[0], solid.half[2]
    held: np.ndarray
    match solid.kind:
        case "ellipsoid":
            held = ((own / solid.half[:, None]) ** 2).sum(0) <= 1
        case "block":
            held = (np.abs(own) <= solid.half[:, None]).all(0)
        case "capsule":
            held = x**2 + y**2 + np.maximum(z - (length - radius), 0) ** 2 <= radius**2
        case _:
            held = (x**2 + y**2 <= radius**2) & (z <= length)
    return held


def test_normals_point_outwards() -> None:
    points = np.array([[0, 0, 1.0], [0, -0.5, 0], [2, 0, 0]]).T
    assert (
        pytest.approx(np.array([[0, 0, 1], [0, -1, 0], [1, 0, 0]]), abs=1e-6)
        == normals(ellipsoid((0, 0, 0), (2, 0.5, 1), 1), points).T
    )
    top = np.array([[0.1], [0.2], [1.0]])
    for solid in (
        box((-1, -1, -1), (1, 1, 1), 1),
        cylinder((0, 0, -1), (0, 0, 1), 1, 1),
    ):
        assert normals(solid, top)[:, 0] == pytest.approx([0, 0, 1], abs=1e-6)
    edge = normals(box((-1, -1, -1), (1, 1, 1), 1), np.array([[1.0], [0], [1]]))
    assert edge[:, 0] == pytest.approx([0.5**0.5, 0, 0.5**0.5], abs=1e-6)
    side = normals(capsule((0, 0, 0), (1, 0, 0), 0.2, 1), np.array([[0.5], [0.2], [0]]))
    assert side[:, 0] == pytest.approx([0, 1, 0], abs=1e-6)


def test_fifty_toys_all_different_and_inside_the_unit_ball() -> None:
    for category in range(5):
        toys = [toy(category, instance) for instance in range(10)]
        sizes = {tuple(np.round(solids[0].half, 5)) for solids in toys}
        assert len(sizes) == 10
        reach = [np.linalg.norm(solid.corners, axis=1).max() for s in toys for solid in s]
        assert max(reach) <= 1 + 1e-9


def test_pictures_show_a_toy_on_a_light_table() -> None:
    data = load_toys(few())
    pictures = data.values[:].astype(float)[:, 0]
    rim = np.concatenate((pictures[:, 0], pictures[:, :, 0], pictures[:, :, -1]), axis=1)
    middle = pictures[:, 8:16, 8:16].reshape(len(pictures), -1)
    assert np.median(rim) > 150
    assert (middle.std(1) > 1.2 * rim.std(1)).mean() > 0.9
    lit = pictures.reshape(5, 3, 2, 3, 2, 2, 24, 24)
    assert abs(lit[..., 0, :, :, :] - lit[..., 1, :, :, :]).mean() > 5  # lamps differ
    eyes = abs(lit[..., 0, :, :] - lit[..., 1, :, :]).mean()
    assert 0.5 < eyes < 0.5 * abs(np.diff(lit, axis=3)).mean()  # a small turn, not a large one


def test_without_a_place_for_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "file" / "cache"))
    data = load_toys(few(stereo="left"))
    assert len(data.values) == SAMPLES and "cannot be written" in data.notes[0]


def test_many_pictures_stay_in_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    held = load_toys(few(stereo="left"))
    monkeypatch.setattr("vaestro.data.images.toys.HELD_BYTES", 1000)
    mapped = load_toys(few(stereo="left"))
    assert isinstance(held.values, np.ndarray) and not isinstance(held.values, np.memmap)
    assert isinstance(mapped.values, np.memmap)
    assert np.array_equal(mapped.values, held.values)
