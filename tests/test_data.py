"""Data: formats read byte by byte, splits, the batch stream, and one line for every bad file."""

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.conftest import arrays_in
from vaestro.data.arrays import ArraysConfig, from_array
from vaestro.data.catalogue import describe
from vaestro.data.dataset import DataSet
from vaestro.data.images.digits import DigitsConfig
from vaestro.data.images.grid import near_square, tiled
from vaestro.data.images.idx import IdxConfig, read_idx
from vaestro.data.reading import read_samples
from vaestro.data.recognise import guess_source
from vaestro.data.source import load_data
from vaestro.data.split import SplitConfig, split
from vaestro.data.writing import write_pairs, write_rows, write_samples
from vaestro.foundation.errors import DataError
from vaestro.foundation.samples import SampleSpec

RANDOM = np.random.default_rng(0)


def idx_bytes(values: np.ndarray, code: int = 0x08) -> bytes:
    """An idx file as the format's definition says, written by hand."""
    header = bytes([0, 0, code, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    return header + values.tobytes()


def mnist_folder(folder: Path, train: int = 40, test: int = 10, zipped: bool = True) -> np.ndarray:
    """A tiny folder of the MNIST family; returns all its images."""
    images = RANDOM.integers(0, 256, (train + test, 5, 4)).astype(np.uint8)
    labels = (np.arange(train + test) % 10).astype(np.uint8)
    parts = {
        "train-images-idx3-ubyte": images[:train],
        "train-labels-idx1-ubyte": labels[:train],
        "t10k-images-idx3-ubyte": images[train:],
        "t10k-labels-idx1-ubyte": labels[train:],
    }
    for name, values in parts.items():
        data = idx_bytes(values)
        (folder / (name + ".gz" * zipped)).write_bytes(gzip.compress(data) if zipped else data)
    return images


@pytest.mark.parametrize("zipped", [True, False])
def test_an_mnist_folder(zipped: bool, tmp_path: Path) -> None:
    images = mnist_folder(tmp_path, zipped=zipped)
    data = load_data(IdxConfig(path=str(tmp_path)))
    assert data.spec == SampleSpec((1, 5, 4), "unit", 1 / 255, 256, label_count=10)
    assert data.values.dtype == np.uint8
    assert np.array_equal(data.values[:, 0], images)
    assert data.official_test is not None
    assert data.official_test.tolist() == list(range(40, 50))
    assert data.labels is not None
    assert data.labels[:12].tolist() == [*range(10), 0, 1]
    np.testing.assert_allclose(data.natural(slice(2)), images[:2, None] / 255, rtol=1e-6)


@pytest.mark.parametrize(
    ("code", "kind"),
    [(0x08, "u1"), (0x09, "i1"), (0x0B, ">i2"), (0x0C, ">i4"), (0x0D, ">f4"), (0x0E, ">f8")],
)
def test_every_idx_type(code: int, kind: str, tmp_path: Path) -> None:
    values = RANDOM.integers(0, 100, (3, 2, 2)).astype(kind)
    (tmp_path / "x").write_bytes(idx_bytes(values, code))
    assert np.array_equal(read_idx(tmp_path / "x"), values)


BROKEN = [
    (lambda b: b"", "starts with nothing"),
    (lambda b: b"\x89PNG" + b, "is no idx file"),
    (lambda b: b[:2] + b"\x07" + b[3:], "is no idx file"),
    (lambda b: b[:6], "cut off in its header"),
    (lambda b: b[:-3], "cut off"),
    (lambda b: b + b"x", "says shape"),
    (lambda b: gzip.compress(b)[:-9], "cut off or damaged"),
    (lambda b: gzip.compress(b)[:20] + b"garbage" * 9, "cut off or damaged"),
]


@pytest.mark.parametrize(("damage", "message"), BROKEN, ids=[m for _, m in BROKEN])
def test_damaged_idx_files(damage: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "train-images-idx3-ubyte"
    mnist_folder(tmp_path, zipped=False)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=message) as caught:
        load_data(IdxConfig(path=str(tmp_path)))
    assert "\n" not in str(caught.value)
    assert path.name in str(caught.value)


def test_missing_idx_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"--set data\.path"):
        load_data(IdxConfig())
    with pytest.raises(DataError, match="train-images-idx3-ubyte"):
        load_data(IdxConfig(path=str(tmp_path)))
    with pytest.raises(DataError, match="there is no file"):
        load_data(IdxConfig(path=str(tmp_path / "nowhere")))


def test_images_and_labels_must_agree(tmp_path: Path) -> None:
    mnist_folder(tmp_path)
    labels = gzip.compress(idx_bytes(np.zeros(7, np.uint8)))
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(labels)
    with pytest.raises(DataError, match=r"40 images and .* 7 labels"):
        load_data(IdxConfig(path=str(tmp_path)))


def test_real_mnist(real_data: Path) -> None:
    data = load_data(IdxConfig(path=str(real_data / "mnist")))
    assert data.values.shape == (70_000, 1, 28, 28)
    parts = split(data, SplitConfig(validation=0.2, test="official"))
    assert [len(parts.of(n)) for n in ("train", "validation", "test")] == [48_000, 12_000, 10_000]
    facts = describe(data)
    assert facts["mean"] == pytest.approx(0.1309, abs=1e-4)


def test_real_binarised_mnist(real_data: Path) -> None:
    path = real_data / "binarized_mnist" / "binarized_mnist_packed.npz"
    config = ArraysConfig(path=str(path), key="train,valid,test", packed_columns=784)
    data = load_data(config)
    assert data.values.shape == (70_000, 784)
    assert data.spec.values == "binary"
    assert data.official_test is not None
    assert len(data.official_test) == 10_000


@pytest.mark.parametrize(
    ("array", "kind", "dtype"),
    [
        (RANDOM.random((5, 3)) > 0.5, "binary", np.uint8),
        (RANDOM.integers(0, 2, (9, 3)), "binary", np.uint8),
        (RANDOM.integers(0, 256, (5, 3)).astype(np.uint8), "unit", np.uint8),
        (RANDOM.random((5, 3)), "unit", np.float32),
        (RANDOM.integers(0, 50, (5, 3)), "counts", np.int32),
        (RANDOM.normal(size=(5, 3)), "real", np.float32),
        (-RANDOM.integers(1, 50, (5, 3)), "real", np.float32),
    ],
)
def test_what_the_numbers_are(array: np.ndarray, kind: str, dtype: type) -> None:
    data = from_array(array)
    assert data.spec.values == kind
    assert data.values.dtype == dtype
    np.testing.assert_allclose(data.values, array, rtol=1e-6)


class Frame:
    """What a DataFrame offers."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def to_numpy(self) -> np.ndarray:
        return self.values

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, column: str) -> np.ndarray:
        return self.values


def test_arrays_from_python() -> None:
    x = RANDOM.normal(size=(6, 4)).astype(np.float32)
    torch_set = torch.utils.data.TensorDataset(torch.from_numpy(x), torch.arange(6))
    for given in (x, torch.from_numpy(x), x.tolist(), Frame(x), torch_set):
        np.testing.assert_allclose(from_array(given).values, x, rtol=1e-6)
    labels = from_array(torch_set).labels
    assert labels is not None
    assert labels.tolist() == [0, 1, 2, 3, 4, 5]
    assert from_array(RANDOM.random((3, 5, 4))).spec.shape == (1, 5, 4)


BAD_ARRAYS: list[tuple[Any, dict[str, Any], str]] = [
    (np.zeros((0, 3)), {}, "0 samples"),
    (np.ones(5), {}, r"shape \(5,\)"),
    (np.array([["a", "b"], ["c", "d"]]), {}, "numbers are needed"),
    (np.array([[1.0, np.nan], [1.0, 2.0], [np.inf, 0.0]]), {}, "2 of 3 samples .* sample 0"),
    (RANDOM.random((4, 2)), {"labels": np.arange(3)}, "4 samples and labels of shape"),
    (RANDOM.normal(size=(4, 2)) - 9, {"values_kind": "unit"}, "values=unit was asked for"),
    (RANDOM.random((4, 2)), {"values_kind": "counts"}, "values=counts was asked for"),
]


@pytest.mark.parametrize(("array", "more", "message"), BAD_ARRAYS, ids=[m for *_, m in BAD_ARRAYS])
def test_arrays_that_are_no_data(array: Any, more: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        from_array(array, **more)
    assert "\n" not in str(caught.value)


def test_array_files(tmp_path: Path) -> None:
    x = RANDOM.normal(size=(8, 3)).astype(np.float32)
    x[:, 1] = np.arange(8)  # a column of labels
    np.save(tmp_path / "a.npy", x)
    np.savez(tmp_path / "a.npz", one=x, two=2 * x, labels=np.arange(8))
    header = "a,b,c"
    np.savetxt(tmp_path / "a.csv", x, delimiter=",", header=header, comments="")
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress((tmp_path / "a.csv").read_bytes()))
    for name in ("a.npy", "a.csv", "a.csv.gz"):
        np.testing.assert_allclose(load_data(guess_source(tmp_path / name)).values, x, rtol=1e-5)
    two = load_data(ArraysConfig(path=str(tmp_path / "a.npz"), key="two", labels_key="labels"))
    np.testing.assert_allclose(two.values, 2 * x)
    labelled = load_data(ArraysConfig(path=str(tmp_path / "a.csv"), labels_key="b"))
    np.testing.assert_allclose(labelled.values, x[:, [0, 2]], rtol=1e-5)
    with pytest.raises(DataError, match="one, two, labels"):
        load_data(ArraysConfig(path=str(tmp_path / "a.npz")))
    with pytest.raises(DataError, match="has no array 'three'; legal: one"):
        load_data(ArraysConfig(path=str(tmp_path / "a.npz"), key="three"))
    with pytest.raises(DataError, match="has no column 'z'"):
        load_data(ArraysConfig(path=str(tmp_path / "a.csv"), labels_key="z"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.npz", b"PK\x03\x04 broken", "cannot be read"),
        ("a.npy", b"\x93NUMPY", "cannot be read"),
        ("a.csv", b"a,b\n1,two\n", "no table of numbers"),
        ("a.txt", b"1 2 3", "ends in .txt"),
    ],
)
def test_damaged_array_files(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        load_data(ArraysConfig(path=str(tmp_path / name)))


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="allow_pickle"):
        load_data(ArraysConfig(path=str(tmp_path / "a.npy")))


DIGITS = load_data(DigitsConfig())


def test_describe_counts_what_a_sum_runs_over() -> None:
    facts = describe(DIGITS)
    x = DIGITS.natural(slice(None)).astype(np.float64)
    assert facts["elements"] == 64
    assert facts["zero_predictor_error"] == pytest.approx((x**2).mean(), rel=1e-6)
    assert facts["mean_predictor_sum"] == pytest.approx(x.var(0).sum(), rel=1e-6)
    assert facts["constant_elements"] == 3
    assert facts["labels"]["3"] == 183


SPEC = SampleSpec((1, 4, 5), "unit")
X = RANDOM.random((6, 1, 4, 5)).astype(np.float32)


@pytest.mark.parametrize("ending", [".npz", ".npy"])
def test_samples_come_back(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"x{ending}"
    write_samples(path, X, SPEC)
    np.testing.assert_array_equal(read_samples(path, SPEC), X)
    with pytest.raises(DataError, match=r"\(1, 4, 5\) and the run was trained on \(1, 8, 8\)"):
        read_samples(path, SampleSpec((1, 8, 8), "unit"))


def test_vectors_come_back_from_csv(tmp_path: Path) -> None:
    spec, x = SampleSpec((20,), "real"), RANDOM.normal(size=(6, 20)).astype(np.float32)
    write_samples(tmp_path / "x.csv", x, spec)
    np.testing.assert_allclose(read_samples(tmp_path / "x.csv", spec), x, rtol=1e-5)
    with pytest.raises(DataError, match=r"written as \.parquet, \.npz, \.npy, \.csv, \.png; \.trk"):
        write_samples(tmp_path / "x.trk", x, spec)
    named = SampleSpec((20,), "real", names=tuple(f"gene {i}" for i in range(20)))
    write_samples(tmp_path / "named.csv", x, named)
    assert (tmp_path / "named.csv").read_text().startswith("gene 0,gene 1,")
    write_samples(tmp_path / "x.parquet", x, named)
    np.testing.assert_array_equal(read_samples(tmp_path / "x.parquet", named), x)


def test_the_grid_shows_the_pixels() -> None:
    sheet = tiled(near_square(X))
    factor = 12  # 5 pixels wide, enlarged to at least 56
    assert sheet.shape == (2 * (4 * factor + 2) + 2, 3 * (5 * factor + 2) + 2, 1)
    assert sheet[2, 2, 0] == round(float(X[0, 0, 0, 0]) * 255)
    assert (sheet[:2] == 255).all()


def test_pairs_and_rows(tmp_path: Path) -> None:
    write_pairs(tmp_path / "p.npz", X, 1 - X, SPEC)
    stored = arrays_in(tmp_path / "p.npz")
    np.testing.assert_array_equal(stored["reconstruction"], 1 - X)
    write_pairs(tmp_path / "p.png", np.tile(X, (4, 1, 1, 1)), np.tile(X, (4, 1, 1, 1)), SPEC)
    write_rows(tmp_path / "r.npy", X.reshape(2, 3, 1, 4, 5), SPEC)
    assert np.load(tmp_path / "r.npy").shape == (2, 3, 1, 4, 5)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["p.npz", "p.png", "r.npy"]


def test_a_data_set_kept_in_a_run_comes_back(tmp_path: Path) -> None:
    grey = RANDOM.integers(0, 256, (5, 4, 3)).astype(np.uint8)
    for array in (RANDOM.random((5, 3)), np.arange(40).reshape(8, 5), grey):
        data = from_array(array)
        data.write(tmp_path / "d.npz")
        labels = None if data.labels is None else "labels"
        config = ArraysConfig(
            path=str(tmp_path / "d.npz"), key="values", labels_key=labels, values=data.spec.values
        )
        again: DataSet = load_data(config)
        assert np.array_equal(again.values, data.values)
        assert again.spec == data.spec
