"""Which axis is what: told from the shape where it can be, stated where it cannot."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vaestro.data.arrays import ArraysConfig, from_array, load_arrays
from vaestro.data.layout import NATIVE, NEW_AXIS, arranged, channel_axis, framed_as
from vaestro.data.reading import read_samples
from vaestro.foundation.errors import DataError

RANDOM = np.random.default_rng(4)


@pytest.mark.parametrize(
    ("shape", "sample"),
    [
        ((9, 3), (3,)),
        ((9, 28, 28), (1, 28, 28)),
        ((9, 4, 3), (1, 4, 3)),  # seven points and fewer are a narrow picture
        ((9, 3, 7), (1, 3, 7)),
        ((9, 8, 3), (3, 8)),
        ((9, 3, 8), (3, 8)),
        ((9, 3, 3), (1, 3, 3)),
        ((9, 1, 28, 28), (1, 28, 28)),
        ((9, 3, 32, 3), (3, 32, 3)),
        ((9, 32, 32, 3), (3, 32, 32)),
        ((9, 28, 24, 1), (1, 28, 24)),
        ((9, 64, 64, 2), (2, 64, 64)),
        ((9, 28, 28, 28), (1, 28, 28, 28)),
        ((9, 16, 32, 32), (1, 16, 32, 32)),
        ((9, 8, 28, 28), (8, 28, 28)),
        ((9, 64, 64, 12), (12, 64, 64)),
        ((9, 2, 8, 9, 10), (2, 8, 9, 10)),
        ((9, 8, 9, 10, 3), (3, 8, 9, 10)),
        ((9, 8, 3, 9, 10), (3, 8, 9, 10)),
    ],
)
def test_axes_told_from_the_shape(shape: tuple[int, ...], sample: tuple[int, ...]) -> None:
    assert from_array(RANDOM.normal(size=shape)).spec.shape == sample


@pytest.mark.parametrize("shape", [(9, 25, 43, 73), (9, 8, 9, 10, 11)])
def test_axes_that_leave_it_open(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match=r"shape \(.*\) mean is open; give data\.layout: vectors"):
        channel_axis("x", shape)
    if len(shape) == 4:
        assert channel_axis("x", shape, "volumes") == NEW_AXIS


def test_too_many_axes() -> None:
    with pytest.raises(DataError, match=r"\(2, 3, 4, 5, 6, 7\) has 6 axes and at most 5 are read"):
        from_array(RANDOM.normal(size=(2, 3, 4, 5, 6, 7)))


def test_moved_axes_hold_the_same_numbers(tmp_path: Path) -> None:
    colours = RANDOM.integers(0, 256, (6, 16, 20, 3)).astype(np.uint8)
    np.save(tmp_path / "x.npy", colours)
    data = load_arrays(ArraysConfig(path=str(tmp_path / "x.npy")))
    np.testing.assert_array_equal(data.values, colours.transpose(0, 3, 1, 2))
    assert data.notes == (
        "shape (6, 16, 20, 3) was read as pictures with the channels on axis 3; "
        "if that is wrong, give data.layout",
    )
    stated = load_arrays(ArraysConfig(path=str(tmp_path / "x.npy"), layout="images-last"))
    assert np.array_equal(stated.values, data.values)
    assert stated.notes == ()
    channels = load_arrays(ArraysConfig(path=str(tmp_path / "x.npy"), layout="images"))
    assert channels.spec.shape == (16, 20, 3)


@pytest.mark.parametrize(
    ("layout", "shape", "sample"),
    [
        ("vectors", (5, 7), (7,)),
        ("streamlines", (5, 4, 3), (3, 4)),
        ("streamlines", (5, 3, 4), (3, 4)),
        ("images", (5, 12, 3), (1, 12, 3)),
        ("images", (5, 28, 28, 28), (28, 28, 28)),
        ("images-last", (5, 3, 8, 9), (9, 3, 8)),
        ("volumes", (5, 3, 8, 9), (1, 3, 8, 9)),
        ("volumes", (5, 6, 7, 8, 9), (6, 7, 8, 9)),
        ("volumes-last", (5, 6, 7, 8, 9), (9, 6, 7, 8)),
    ],
)
def test_axes_as_stated(layout: Any, shape: tuple[int, ...], sample: tuple[int, ...]) -> None:
    array = RANDOM.normal(size=shape)
    data = from_array(array, layout=layout)
    assert data.spec.shape == sample
    assert (
        np.sort(data.values[0].ravel()).tolist()
        == np.sort(array[0].ravel(), 0).astype(np.float32).tolist()
    )
    again = from_array(data.values, layout=NATIVE[data.spec.domain])
    assert np.array_equal(again.values, data.values)


@pytest.mark.parametrize(
    ("layout", "shape"),
    [
        ("vectors", (5, 7, 7)),
        ("streamlines", (5, 4, 4)),
        ("streamlines", (5, 3)),
        ("images", (5, 3)),
        ("images-last", (5, 8, 8)),
        ("volumes", (5, 8, 8)),
        ("volumes-last", (5, 8, 8, 8)),
    ],
)
def test_a_stated_layout_that_does_not_fit(layout: Any, shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError) as caught:
        from_array(RANDOM.normal(size=shape), layout=layout)
    assert f"data.layout={layout} does not fit shape {shape}; legal: auto, " in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("foreign", "shape", "view"),
    [
        ((5, 4, 6), (1, 4, 6), lambda x: x[:, None]),
        ((5, 4, 6, 3), (3, 4, 6), lambda x: x.transpose(0, 3, 1, 2)),
        ((5, 3, 4, 6), (3, 4, 6), lambda x: x),
        ((5, 20, 3), (3, 20), lambda x: x.transpose(0, 2, 1)),
        ((5, 3, 3), (3, 3), lambda x: x),  # what fits as it is, is not turned
        ((5, 4, 6, 7), (1, 4, 6, 7), lambda x: x[:, None]),
        ((5, 4, 6, 7, 2), (2, 4, 6, 7), lambda x: x.transpose(0, 4, 1, 2, 3)),
        ((5, 4, 2, 6, 7), (2, 4, 6, 7), lambda x: x.transpose(0, 2, 1, 3, 4)),
        ((5, 72), (3, 4, 6), lambda x: x.reshape(5, 3, 4, 6)),
        ((5, 4, 7), (1, 4, 6), lambda x: x),
        ((5,), (5,), lambda x: x),
    ],
)
def test_foreign_arrays_in_the_shape_of_a_run(
    foreign: tuple[int, ...], shape: tuple[int, ...], view: Any
) -> None:
    array = RANDOM.normal(size=foreign)
    np.testing.assert_array_equal(framed_as(array, shape), view(array))


def test_every_axis_can_be_the_one_of_channels() -> None:
    array = RANDOM.normal(size=(2, 3, 4, 5))
    assert arranged(array, NEW_AXIS).shape == (2, 1, 3, 4, 5)
    assert arranged(array, 3)[1, 4, 2, 3] == array[1, 2, 3, 4]


def test_a_run_on_pictures_reads_channels_last(tmp_path: Path) -> None:
    colours = RANDOM.random((6, 16, 20, 3)).astype(np.float32)
    spec = from_array(colours).spec
    np.save(tmp_path / "x.npy", colours[:2])
    np.testing.assert_array_equal(
        read_samples(tmp_path / "x.npy", spec), colours[:2].transpose(0, 3, 1, 2)
    )
    np.save(tmp_path / "y.npy", colours[:2, :, :10])
    with pytest.raises(DataError, match=r"\(16, 10, 3\) and the run was trained on \(3, 16, 20\)"):
        read_samples(tmp_path / "y.npy", spec)


def test_medical_volumes(real_data: Path) -> None:
    path = real_data / "volumes" / "adrenalmnist3d.npz"
    data = load_arrays(ArraysConfig(path=str(path)))
    assert data.spec.shape == (1, 28, 28, 28)
    assert data.spec.values == "binary"
    assert data.spec.levels == 2
    assert data.values.dtype == np.uint8
    assert set(np.unique(data.values[:50])) == {0, 1}
    assert data.labels is not None
    assert data.labels.shape == (1188 + 98 + 298,)
    assert data.official_validation is not None
    assert data.official_validation.tolist() == list(range(1188, 1188 + 98))
    assert data.official_test is not None
    assert data.official_test.tolist() == list(range(1286, 1584))
    with np.load(path) as held:
        assert np.array_equal(data.values[1286:, 0] * 255, held["test_images"])
        assert np.array_equal(data.labels[1188:1286], held["val_labels"][:, 0])
