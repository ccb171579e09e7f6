"""HDF5 files: data sets by name, in memory or row by row."""

import gzip
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.array_files import load, refused
from vaestro.data import mapped
from vaestro.data.h5_files import H5Rows
from vaestro.data.rows import in_memory

h5py = pytest.importorskip("h5py")
RANDOM = np.random.default_rng(6)
X = RANDOM.normal(size=(60, 4, 6)).astype(np.float32)
ORDER = np.array([59, 0, 31, 31, 7])


def written(path: Path, **arrays: Any) -> Path:
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name.replace("__", "/"), data=array)
    return path


@pytest.mark.parametrize("ending", ["h5", "hdf5"])
def test_the_only_array_of_samples_is_found(ending: str, tmp_path: Path) -> None:
    path = written(tmp_path / f"x.{ending}", group__deep__images=X, weights=np.ones(60))
    data = load(path)
    assert np.array_equal(data.values[:, 0], X)
    assert data.labels is None


def test_arrays_by_their_whole_name(tmp_path: Path) -> None:
    path = written(
        tmp_path / "x.h5",
        scans__a=X,
        scans__b=2 * X,
        meta__kind=np.arange(60) % 3,
        meta__age=np.linspace(1, 2, 60),
        meta__site=np.array(["b", "a"] * 30, dtype=object),
    )
    data = load(path, key="scans/b", labels_key="meta/kind", covariate_keys=("meta/age",))
    assert np.array_equal(data.values[:, 0], 2 * X)
    assert data.labels is not None
    assert data.labels[:4].tolist() == [0, 1, 2, 0]
    assert data.covariates["meta/age"][-1] == 2
    text = load(path, key="scans/a", labels_key="meta/site")
    assert text.labels is not None
    assert text.labels[:3].tolist() == [1, 0, 1]
    assert text.spec.label_names == ("a", "b")
    message = refused(path)
    assert "scans/a (60, 4, 6), scans/b (60, 4, 6)" in message
    assert "--set data.key=NAME" in message
    assert "no array 'scans/c'; legal: meta/age, " in refused(path, key="scans/c")
    assert "no array 'scans'" in refused(path, key="scans")
    assert "covariate meta/site is no array of numbers" in refused(
        path, key="scans/a", covariate_keys="meta/site"
    )


def test_parts_are_joined_in_the_file_too(tmp_path: Path) -> None:
    labels = np.arange(60)[:, None] % 4
    arrays = {"train__x": X[:40], "val__x": X[40:50], "test__x": X[50:]}
    arrays |= {"train__y": labels[:40], "val__y": labels[40:50], "test__y": labels[50:]}
    path = written(tmp_path / "x.h5", **arrays)
    for memory in ("resident", "mapped"):
        data = load(path, memory=memory)
        assert in_memory(data.values) == (memory == "resident")
        assert np.array_equal(data.values[:][:, 0], X)
        assert np.array_equal(data.values[ORDER][:, 0], X[ORDER])
        assert data.labels is not None
        assert data.labels.tolist() == labels[:, 0].tolist()
        assert data.official_validation is not None
        assert data.official_validation.tolist() == list(range(40, 50))
        assert data.official_test is not None
        assert data.official_test.tolist() == list(range(50, 60))


@pytest.mark.parametrize(
    ("array", "how"),
    [
        (X, {}),
        (X.astype(np.float64), {"chunks": (7, 4, 6), "compression": "gzip"}),
        (RANDOM.integers(0, 256, (60, 9, 9, 3)).astype(np.uint8), {"chunks": True}),
        (RANDOM.integers(0, 2, (60, 5)) > 0, {}),
        (X.astype(">f2"), {}),
    ],
    ids=["floats", "compressed", "channels last", "bool", "half"],
)
def test_rows_left_in_the_file_are_equal_to_the_bit(
    array: np.ndarray, how: dict[str, Any], tmp_path: Path
) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("x", data=array, **how)
    held = load(tmp_path / "x.h5", memory="resident")
    left = load(tmp_path / "x.h5", memory="mapped")
    assert in_memory(held.values)
    assert not in_memory(left.values)
    assert left.spec == held.spec
    several = [slice(None), slice(3, 20), slice(0, 60, 7), slice(9, 9), ORDER, ORDER[:0]]
    for numbers in (*several, np.arange(20, 30)[::-1], RANDOM.permutation(60)[:9]):
        assert left.values[numbers].tobytes() == held.values[numbers].tobytes()


def test_memory_is_chosen_by_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "x.h5", x=X)
    assert in_memory(load(path).values)
    monkeypatch.setattr(mapped, "physical_memory", lambda: 4 * X.nbytes - 4)
    assert not in_memory(load(path).values)


def test_threads_and_numbers_that_do_not_exist(tmp_path: Path) -> None:
    rows = H5Rows(written(tmp_path / "x.h5", x=X), "x")
    orders = [np.random.default_rng(seed).integers(0, 60, 32) for seed in range(20)]
    with ThreadPoolExecutor(4) as pool:
        for order, read in zip(orders, pool.map(rows.__getitem__, orders), strict=True):
            assert np.array_equal(read, X[order])
    with pytest.raises(IndexError, match="samples 0 to 59"):
        rows[np.array([60])]


def test_files_that_are_no_h5(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    assert "there is no file" in refused(path)
    path.mkdir()
    assert "is a folder" in refused(path)
    path.rmdir()
    for content in (b"", b"text", b"\x89HDF\r\n\x1a\n"):
        path.write_bytes(content)
        assert "cannot be read as .h5" in refused(path)
        assert "cannot be read as .h5" in refused(path, memory="mapped")
    whole = written(path, x=X).read_bytes()
    path.write_bytes(whole[:-500])
    assert "cannot be read as .h5" in refused(path)


def test_files_without_samples(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    assert "holds no array of samples" in (said := refused(written(path)))
    assert said.endswith("it holds none")
    assert refused(written(path, a=np.ones(3))).endswith("it holds a")
    assert "numbers are needed" in refused(written(path, a=np.array([["a"]], dtype="S1")), key="a")
    assert "0 samples" in refused(written(path, a=np.ones((0, 3))), memory="mapped")
    with h5py.File(path, "w") as file:
        file.create_dataset("nothing", data=h5py.Empty("f4"))
        file.create_dataset("x", data=X)
    assert load(path).values.shape == (60, 1, 4, 6)


def test_a_damaged_piece_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        entry = file.create_dataset("x", data=X, chunks=(10, 4, 6), compression="gzip")
        place = entry.id.get_chunk_info(3).byte_offset
    content = bytearray(path.read_bytes())
    content[place : place + 40] = b"\xff" * 40
    path.write_bytes(content)
    for memory in ("resident", "mapped"):
        assert "cannot be read as .h5 data set 'x'" in refused(path, memory=memory)


def test_a_gzipped_h5(tmp_path: Path) -> None:
    zipped = tmp_path / "x.h5.gz"
    zipped.write_bytes(gzip.compress(written(tmp_path / "x.h5", x=X).read_bytes()))
    assert np.array_equal(load(zipped).values[:, 0], X)
    assert "cannot be mapped; decompress it" in refused(zipped, memory="mapped")
