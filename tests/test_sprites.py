"""Sprites: the factors and the order of dSprites, drawn the same whatever they are asked with."""

from typing import Any

import numpy as np
import pytest

from vaestro.data.images.sprites import (
    ORIENTATIONS,
    POSITIONS,
    SCALES,
    SpritesConfig,
    load_sprites,
)
from vaestro.foundation.errors import RecipeError

FULL = load_sprites(SpritesConfig(orientations=40, positions=32))
SHAPE_SIZES = (3, 6, 40, 32, 32)


def test_the_whole_set_has_the_order_of_dsprites() -> None:
    assert FULL.values.shape == (737_280, 1, 64, 64) and FULL.values.dtype == np.uint8
    assert FULL.spec.values == "binary" and FULL.spec.levels == 2
    assert FULL.spec.label_names == ("square", "ellipse", "heart")
    for number in (0, 1, 31, 32, 40_961, 300_000, 737_279):
        shape, scale, orientation, x, y = np.unravel_index(number, SHAPE_SIZES)
        assert FULL.labels is not None and FULL.labels[number] == shape
        assert FULL.covariates["scale"][number] == np.float32(SCALES[scale])
        assert FULL.covariates["orientation"][number] == np.float32(ORIENTATIONS[orientation])
        assert FULL.covariates["x"][number] == np.float32(POSITIONS[x])
        assert FULL.covariates["y"][number] == np.float32(POSITIONS[y])


def test_default_is_small_enough_to_train_on() -> None:
    data = load_sprites(SpritesConfig())
    assert len(data.values) == 3 * 6 * 20 * 8 * 8 == 23_040
    assert len(np.unique(data.covariates["x"])) == 8
    assert data.covariates["x"].mean() == pytest.approx(0.5, abs=0.02)


def test_pictures_do_not_depend_on_what_is_asked_beside_them() -> None:
    numbers = np.random.default_rng(0).integers(0, len(FULL.values), 1500)
    together = FULL.values[numbers]
    assert set(np.unique(together)) == {0, 1}
    for place in (0, 7, 1000, 1499):
        alone = FULL.values[numbers[place : place + 1]]
        assert np.array_equal(alone[0], together[place])
    assert np.array_equal(FULL.values[50:90:7], FULL.values[np.arange(50, 90, 7)])
    assert FULL.values[5:5].shape == (0, 1, 64, 64)
    assert np.array_equal(FULL.values[np.array([-1])], FULL.values[737_279:])


def of(shape: int, scale: int = 5, orientation: int = 0, x: int = 16, y: int = 16) -> np.ndarray:
    number = int(np.ravel_multi_index((shape, scale, orientation, x, y), SHAPE_SIZES))
    picture: np.ndarray = FULL.values[number : number + 1][0, 0]
    return picture


@pytest.mark.parametrize("shape", [0, 1, 2])
def test_places_move_by_whole_pixels_and_nothing_is_cut(shape: int) -> None:
    middle = of(shape, orientation=5, x=0, y=0)
    for x, y in ((0, 1), (1, 0), (17, 5), (31, 31)):
        moved = of(shape, orientation=5, x=x, y=y)
        assert np.array_equal(np.roll(middle, (y, x), axis=(0, 1)), moved)
    for x, y in ((0, 0), (31, 31)):
        for orientation in range(40):
            picture = of(shape, 5, orientation, x, y)
            assert not picture[[0, -1]].any() and not picture[:, [0, -1]].any()


@pytest.mark.parametrize(
    ("shape", "area"),
    [(0, 2.0), (1, np.pi * 0.55), (2, 3.6615 / 1.35**2)],
)
def test_areas(shape: int, area: float) -> None:
    """In units of the reach; the heart of the sextic curve has area 3.6615."""
    for scale in range(6):
        reach = 15.5 * SCALES[scale]
        sums = [of(shape, scale, turn).sum() for turn in range(0, 40, 3)]
        assert np.mean(sums) == pytest.approx(area * reach**2, rel=0.03)


def test_turning() -> None:
    assert np.array_equal(of(0), of(0, orientation=39))  # 2 pi is 0 again, as in dSprites
    wide = of(1)
    rows, columns = np.nonzero(wide)
    assert np.ptp(columns) > 1.6 * np.ptp(rows)
    heart = of(2)
    assert np.array_equal(heart[:, 1:], heart[:, :0:-1])  # centred on column 32
    rows, _ = np.nonzero(heart)
    widths = heart.sum(1)[rows.min() : rows.max() + 1]
    assert widths[:8].mean() > 2 * widths[-8:].mean()  # lobes above, the tip below
    turned = of(2, orientation=10)  # 92 degrees counterclockwise: the tip is on the right
    _, columns = np.nonzero(turned)
    heights = turned.sum(0)[columns.min() : columns.max() + 1]
    assert heights[:8].mean() > 1.5 * heights[-8:].mean()


@pytest.mark.parametrize("size", [8, 32, 100])
def test_other_sizes(size: int) -> None:
    data = load_sprites(SpritesConfig(size=size, scales=2, orientations=3, positions=2))
    pictures = data.values[:]
    assert pictures.shape == (3 * 2 * 3 * 2 * 2, 1, size, size)
    share = pictures.reshape(len(pictures), -1).mean(1)
    assert (share > 0.01).all() and (share < 0.13).all()
    assert data.covariates["scale"].min() < data.covariates["scale"].max()


@pytest.mark.parametrize(
    "fields", [{"scales": 7}, {"orientations": 0}, {"positions": 33}, {"size": 4}]
)
def test_impossible_factors(fields: dict[str, Any]) -> None:
    with pytest.raises(RecipeError, match=next(iter(fields))):
        SpritesConfig.parse(fields)
