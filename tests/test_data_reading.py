"""New samples for a trained run, in its own units; samples to files; facts of a data set."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vaestro.data.arrays import from_array
from vaestro.data.catalogue import describe
from vaestro.data.images.digits import DigitsConfig
from vaestro.data.reading import read_samples
from vaestro.data.recognise import guess_source
from vaestro.data.source import listing, load_data
from vaestro.data.writing import write_pairs, write_samples
from vaestro.foundation.errors import DataError
from vaestro.foundation.samples import SampleSpec

RANDOM = np.random.default_rng(3)
DIGITS = load_data(DigitsConfig())


def saved(folder: Path, array: np.ndarray) -> Path:
    np.save(folder / "x.npy", array)
    return folder / "x.npy"


def test_one_sample_is_enough(tmp_path: Path) -> None:
    x = RANDOM.random((1, 3)).astype(np.float32)
    np.testing.assert_array_equal(read_samples(saved(tmp_path, x), SampleSpec((3,), "unit")), x)
    flat = np.full((4, 3), 0.5, np.float32)
    assert read_samples(saved(tmp_path, flat), SampleSpec((3,), "real")).shape == (4, 3)


def test_bytes_mean_what_they_meant_in_training(tmp_path: Path) -> None:
    path = saved(tmp_path, DIGITS.values[:5])
    np.testing.assert_array_equal(read_samples(path, DIGITS.spec), DIGITS.natural(slice(5)))
    grey = read_samples(path, SampleSpec((1, 8, 8), "unit"))
    np.testing.assert_allclose(grey, DIGITS.values[:5] / 255, rtol=1e-6)
    for kind in ("counts", "real"):
        kept = read_samples(path, SampleSpec((1, 8, 8), kind))
        np.testing.assert_array_equal(kept, DIGITS.values[:5])
        assert kept.dtype == np.float32


def test_whole_numbers_of_any_width_are_stored_greys(tmp_path: Path) -> None:
    wide = saved(tmp_path, DIGITS.values[:5, 0].astype(np.int64))  # without the channel axis
    np.testing.assert_array_equal(read_samples(wide, DIGITS.spec), DIGITS.natural(slice(5)))


def test_natural_numbers_stay(tmp_path: Path) -> None:
    path = saved(tmp_path, DIGITS.natural(slice(5)))
    np.testing.assert_array_equal(read_samples(path, DIGITS.spec), DIGITS.natural(slice(5)))


BAD: list[tuple[np.ndarray, SampleSpec, str]] = [
    (np.full((2, 3), 200, np.uint8), SampleSpec((3,), "unit", 1 / 16, 17), "bytes: 0 to 16"),
    (np.full((2, 3), -0.5), SampleSpec((3,), "unit"), "unit values .* run from -0.5 to -0.5"),
    (np.full((2, 3), 2), SampleSpec((3,), "binary", 1.0, 2), "trained on binary values"),
    (np.full((2, 3), 1.5), SampleSpec((3,), "counts"), "trained on counts values .* not whole"),
    (np.full((2, 3), np.inf), SampleSpec((3,), "real"), "2 of 2 samples hold NaN or infinite"),
    (np.full((2, 3), 1e300), SampleSpec((3,), "real"), "float32 ends at"),
    (np.zeros((0, 3)), SampleSpec((3,), "real"), "0 samples .* at least 1 sample of"),
    (np.zeros((2, 3)), SampleSpec((4,), "real"), r"shape \(3,\) and the run was .* \(4,\)"),
    (np.array([["a"]]), SampleSpec((1,), "real"), "numbers are needed"),
]


@pytest.mark.parametrize(("array", "spec", "message"), BAD, ids=[m for *_, m in BAD])
def test_samples_that_the_run_cannot_take(
    array: np.ndarray, spec: SampleSpec, message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read_samples(saved(tmp_path, array), spec)
    assert "\n" not in str(caught.value)


def test_samples_from_an_idx_file(tmp_path: Path) -> None:
    images = RANDOM.integers(0, 256, (2, 4, 5)).astype(np.uint8)
    path = tmp_path / "some.images"
    path.write_bytes(bytes([0, 0, 8, 3]) + struct.pack(">3I", 2, 4, 5) + images.tobytes())
    read = read_samples(path, SampleSpec((1, 4, 5), "unit", 1 / 255, 256))
    np.testing.assert_allclose(read[:, 0], images / 255, rtol=1e-6)


def test_a_file_of_another_kind_names_the_legal_ones(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("1 2 3")
    with pytest.raises(DataError, match=r"legal: .*\.npz, \.npy, \.csv"):
        read_samples(tmp_path / "x.txt", SampleSpec((3,), "real"))
    with pytest.raises(DataError, match="neither a known data set nor a file"):
        read_samples(tmp_path / "nowhere.bin", SampleSpec((3,), "real"))


SPEC = SampleSpec((3, 4, 5), "unit")
COLOURS = RANDOM.random((5, 3, 4, 5)).astype(np.float32)


def test_a_png_of_colours_shows_each_sample_enlarged(tmp_path: Path) -> None:
    write_samples(tmp_path / "x.png", COLOURS * 3 - 1, SPEC)
    sheet = np.asarray(Image.open(tmp_path / "x.png"))
    expected = np.round(np.clip(COLOURS * 3 - 1, 0, 1) * 255)
    for number, (row, column) in enumerate([(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]):
        top, left = 2 + row * (4 * 12 + 2), 2 + column * (5 * 12 + 2)
        tile = sheet[top : top + 48, left : left + 60]
        assert np.array_equal(tile[::12, ::12].transpose(2, 0, 1), expected[number])
        assert np.array_equal(tile[11::12, 11::12], tile[::12, ::12])
    assert (sheet[-48:, -60:] == 255).all()  # the sixth place is left white


def test_pairs_in_a_png_stand_above_each_other(tmp_path: Path) -> None:
    grey = SampleSpec((1, 4, 5), "unit")
    write_pairs(tmp_path / "p.png", np.zeros((18, 1, 4, 5)), np.full((18, 1, 4, 5), 0.4), grey)
    sheet = np.asarray(Image.open(tmp_path / "p.png"))
    assert sheet.shape == (4 * 50 + 2, 16 * 62 + 2)
    seen = [[int(sheet[10 + 50 * row, 10 + 62 * column]) for column in (0, 1, 2)] for row in (2, 3)]
    assert seen == [[0, 0, 255], [102, 102, 255]]  # the last two pairs, then white


@pytest.mark.parametrize("ending", [".png", ".npz", ".csv"])
def test_no_samples_make_no_file(ending: str, tmp_path: Path) -> None:
    none = np.zeros((0, 3, 4, 5), np.float32)
    for write in (write_samples, lambda *a: write_pairs(a[0], a[1], a[1], a[2])):
        with pytest.raises(DataError, match="no samples to write"):
            write(tmp_path / f"x{ending}", none, SPEC)
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    write_samples(path, COLOURS, SPEC)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="allow_pickle"):
        write_samples(path, np.array([object()], dtype=object), SPEC)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_facts_are_exact_for_a_constant_and_under_an_offset() -> None:
    x = np.stack([np.full(1000, 0.1), 1e4 + RANDOM.normal(size=1000)], 1).astype(np.float32)
    facts = describe(from_array(x))
    wide = x.astype(np.float64)
    assert facts["constant_elements"] == 1
    assert facts["mean_predictor_sum"] == pytest.approx(wide.var(0).sum(), rel=1e-9)
    assert facts["mean_predictor_error"] == pytest.approx(wide.var(0).mean(), rel=1e-9)
    assert facts["zero_predictor_sum"] == pytest.approx((wide**2).sum(1).mean(), rel=1e-12)
    assert facts["std"] == pytest.approx(wide.std(), rel=1e-12)
    assert facts["mean"] == pytest.approx(wide.mean(), rel=1e-12)
    assert (facts["minimum"], facts["maximum"]) == (wide.min(), wide.max())


def test_facts_of_the_digits_agree_with_the_listing() -> None:
    facts = describe(DIGITS)
    row: dict[str, Any] = next(row for row in listing() if row["name"] == "digits")
    assert row["shape"] == facts["shape"]
    assert row["samples"] == facts["samples"]
    assert facts["mean_predictor_sum"] == pytest.approx(4.693276317823, abs=1e-9)
    assert facts["stored_as"] == "uint8"
    assert {row["kind"] for row in listing()} >= {"digits", "idx", "arrays"}


def test_a_path_that_nothing_reads(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    for path in (tmp_path, tmp_path / "notes.txt", tmp_path / "nowhere"):
        with pytest.raises(DataError, match="legal: "):
            guess_source(path)
