"""Array and idx files as people really have them: with headers, marks, metadata, and mistakes."""

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vaestro.data.arrays import ArraysConfig, load_arrays
from vaestro.data.catalogue import guess_source
from vaestro.data.dataset import DataSet
from vaestro.data.idx import IdxConfig, load_idx
from vaestro.data.numpy_files import archive
from vaestro.foundation.errors import DataError

RANDOM = np.random.default_rng(1)


def csv(folder: Path, content: str | bytes, **fields: Any) -> DataSet:
    path = folder / "t.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return load_arrays(ArraysConfig(path=str(path), **fields))


def npz(folder: Path, fields: dict[str, Any], **arrays: np.ndarray) -> DataSet:
    np.savez(folder / "t.npz", **arrays)
    return load_arrays(ArraysConfig(path=str(folder / "t.npz"), **fields))


def refused(call: Any, *arguments: Any, **more: Any) -> str:
    with pytest.raises(DataError) as caught:
        call(*arguments, **more)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_table_from_a_spreadsheet(tmp_path: Path) -> None:
    data = csv(tmp_path, b'\xef\xbb\xbfage,"dose, mg",class\r\n1,2.5,0\r\n"3",4,1\r\n')
    np.testing.assert_array_equal(data.values, np.float32([[1, 2.5, 0], [3, 4, 1]]))
    marked = csv(tmp_path, b"\xef\xbb\xbfage,dose\n1,5\n2,6\n", labels_key="age")
    assert marked.values.tolist() == [[5], [6]]
    labelled = csv(tmp_path, '"dose, mg",class#\n1,0\n3,1\n4,1\n', labels_key="class#")
    assert labelled.values.tolist() == [[1], [3], [4]]
    assert labelled.labels is not None
    assert labelled.labels.tolist() == [0, 1, 1]
    assert labelled.labels.dtype == np.int64


def test_a_table_of_a_frame_without_names(tmp_path: Path) -> None:
    assert csv(tmp_path, "0,1\n5,6\n7,8\n").values.tolist() == [[5, 6], [7, 8]]


BAD_TABLES = [
    ("1,2\n3,4\n5,6\n", "first line holds numbers"),
    (",a\n0,5\n1,6\n", "column 1 has no name"),
    ("a\n0,5\n1,6\n", "header names 1 columns and the rows have 2"),
    ("a,b\n0,5\n1\n", "no table of numbers"),
    ("a;b\n0;5\n1;6\n", "no table of numbers"),
    ("a,b\n0,NA\n1,6\n", "could not convert string 'NA'"),
    ("a,b\n0,nan\n1,6\n", "1 of 2 samples hold NaN"),
    ("a,b\n0,\n1,6\n", "no table of numbers"),
    ("a,b\n0,5\n#1,6\n2,7\n", "no table of numbers"),
    ("a,b\n", "holds no rows"),
    ("", "holds no rows"),
    (b"\xff\xfe\x00\x01", "no table of numbers"),
    (gzip.compress(b"a,b\n1,2\n")[:-3], "cut off or damaged"),
]


@pytest.mark.parametrize(("content", "message"), BAD_TABLES, ids=range(len(BAD_TABLES)))
def test_tables_that_would_be_misread(content: str | bytes, message: str, tmp_path: Path) -> None:
    assert message in refused(csv, tmp_path, content)


@pytest.mark.parametrize("label", ["0.5", "nan", "inf"])
def test_a_label_is_never_rounded(label: str, tmp_path: Path) -> None:
    message = refused(csv, tmp_path, f"a,y\n1,3\n2,{label}\n", labels_key="y")
    assert f"label 1 is {label} and whole numbers are needed" in message


def test_what_else_is_in_an_archive_does_no_harm(tmp_path: Path) -> None:
    images = RANDOM.integers(0, 2, (5, 4, 4)).astype(np.uint8)
    metadata = np.array([[{"author": "x"}]], dtype=object)
    data = npz(tmp_path, {}, imgs=images, metadata=metadata, weights=np.ones(3))
    assert np.array_equal(data.values[:, 0], images)
    message = refused(npz, tmp_path, {"key": "metadata"}, imgs=images, metadata=metadata)
    assert "allow_pickle" in message
    assert "'metadata'" in message


def test_parts_are_joined_and_the_test_part_is_known(tmp_path: Path) -> None:
    x = RANDOM.normal(size=(9, 3)).astype(np.float32)
    y = RANDOM.integers(0, 4, (9, 1))
    parts = {"train_x": x[:5], "test_x": x[5:], "train_y": y[:5], "test_y": y[5:]}
    fields = {"key": "train_x, test_x", "labels_key": "train_y,test_y"}
    data = npz(tmp_path, fields, **parts)
    assert np.array_equal(data.values, x)
    assert data.labels is not None
    assert data.labels.tolist() == y[:, 0].tolist()
    assert data.official_test is not None
    assert data.official_test.tolist() == [5, 6, 7, 8]
    backwards = npz(tmp_path, {"key": "test_x,train_x"}, **parts)
    assert backwards.official_test is None


def test_bits_unpack_to_the_columns_asked_for(tmp_path: Path) -> None:
    bits = RANDOM.integers(0, 2, (6, 13)).astype(np.uint8)
    data = npz(tmp_path, {"packed_columns": 13}, bits=np.packbits(bits, axis=1))
    assert np.array_equal(data.values, bits)
    assert data.spec.values == "binary"
    message = refused(npz, tmp_path, {"packed_columns": 17}, bits=np.packbits(bits, axis=1))
    assert "data.packed_columns=17 and the file has 16 bits a row" in message
    message = refused(npz, tmp_path, {"packed_columns": 13}, bits=bits.astype(np.float32))
    assert "needs bytes of two axes, not float32" in message


BAD_ARCHIVES: list[tuple[dict[str, Any], dict[str, np.ndarray], str]] = [
    ({}, {}, "holds the arrays none"),
    ({}, {"a": np.ones((3, 2)), "b": np.ones((3, 2))}, "holds the arrays a, b; say which"),
    ({"key": "c"}, {"a": np.ones((3, 2))}, "has no array 'c'; legal: a"),
    ({"key": "a,b"}, {"a": np.ones((3, 2)), "b": np.ones((3, 4))}, "shapes (3, 2), (3, 4)"),
    ({"key": "a,b"}, {"a": np.float64(1), "b": np.float64(2)}, "cannot be joined"),
    ({"key": "a"}, {"a": np.float64(1)}, "the array has shape ()"),
]


@pytest.mark.parametrize(("fields", "arrays", "message"), BAD_ARCHIVES)
def test_archives_that_do_not_say_what_to_read(
    fields: dict[str, Any], arrays: dict[str, np.ndarray], message: str, tmp_path: Path
) -> None:
    assert message in refused(npz, tmp_path, fields, **arrays)


@pytest.mark.parametrize("cut", [0.02, 0.5, 0.97])
@pytest.mark.parametrize("name", ["t.npy", "t.npz"])
def test_files_that_are_cut_off(name: str, cut: float, tmp_path: Path) -> None:
    path = tmp_path / name
    (np.save if name == "t.npy" else np.savez)(path, RANDOM.normal(size=(50, 20)))
    whole = path.read_bytes()
    assert len(load_arrays(ArraysConfig(path=str(path))).values) == 50
    path.write_bytes(whole[: int(len(whole) * cut)])
    message = refused(load_arrays, ArraysConfig(path=str(path)))
    assert f"{path} cannot be read as {path.suffix}" in message


def test_a_flipped_byte_in_an_archive_is_noticed(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "t.npz", x=RANDOM.normal(size=(50, 20)))
    content = bytearray((tmp_path / "t.npz").read_bytes())
    content[len(content) // 2] ^= 0xFF
    (tmp_path / "t.npz").write_bytes(content)
    assert "array 'x'" in refused(load_arrays, ArraysConfig(path=str(tmp_path / "t.npz")))


def test_a_gzipped_archive_and_fortran_order(tmp_path: Path) -> None:
    x = np.asfortranarray(RANDOM.normal(size=(6, 5)).astype(">f4"))
    np.savez(tmp_path / "t.npz", x=x)
    zipped = tmp_path / "t.npz.gz"
    zipped.write_bytes(gzip.compress((tmp_path / "t.npz").read_bytes()))
    data = load_arrays(ArraysConfig(path=str(zipped)))
    assert np.array_equal(data.values, x)
    assert data.values.flags.c_contiguous
    with archive(zipped) as held:
        assert held.names == ["x"]


@pytest.mark.parametrize(
    ("name", "fields", "named"),
    [
        ("t.npy", {"key": "a"}, "data.key=a"),
        ("t.npy", {"labels_key": "a"}, "data.labels_key=a"),
        ("t.csv", {"key": "a"}, "data.key=a"),
        ("t.csv", {"packed_columns": 3}, "data.packed_columns=3"),
    ],
)
def test_a_field_that_means_nothing_is_refused(
    name: str, fields: dict[str, Any], named: str, tmp_path: Path
) -> None:
    message = refused(load_arrays, ArraysConfig(path=str(tmp_path / name), **fields))
    assert f"{named} means nothing for a {name[1:]} file" in message


def idx(values: np.ndarray) -> bytes:
    header = bytes([0, 0, 0x08, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    return header + values.astype(np.uint8).tobytes()


def test_one_idx_file_of_any_name(tmp_path: Path) -> None:
    images = RANDOM.integers(0, 256, (4, 3, 3))
    path = tmp_path / "pictures.bin"  # gzip and idx are told by content, not by name
    path.write_bytes(gzip.compress(idx(images)))
    source = guess_source(path)
    assert source == IdxConfig(path=str(path))
    data = load_idx(IdxConfig(path=str(path)))
    assert np.array_equal(data.values[:, 0], images)
    assert data.official_test is None


def test_the_dotted_spelling_and_a_folder_without_labels(tmp_path: Path) -> None:
    images = RANDOM.integers(0, 256, (4, 3, 3))
    (tmp_path / "train-images.idx3-ubyte").write_bytes(idx(images))
    (tmp_path / "t10k-images.idx3-ubyte").write_bytes(idx(images[:2]))
    data = load_idx(IdxConfig(path=str(tmp_path)))
    assert data.labels is None
    assert data.official_test is not None
    assert data.official_test.tolist() == [4, 5]
    (tmp_path / "train-labels.idx1-ubyte").write_bytes(idx(np.arange(4)))
    message = refused(load_idx, IdxConfig(path=str(tmp_path)))
    assert "put t10k-labels-idx1-ubyte (or .gz) beside them" in message


def test_idx_parts_of_two_sizes(tmp_path: Path) -> None:
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(np.ones((4, 3, 3))))
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx(np.ones((4, 5, 3))))
    message = refused(load_idx, IdxConfig(path=str(tmp_path)))
    assert "differ in size: (3, 3) and (5, 3)" in message


def test_labels_in_the_place_of_images(tmp_path: Path) -> None:
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(np.arange(4)))
    assert "images need 3" in refused(load_idx, IdxConfig(path=str(tmp_path)))


def test_every_way_to_name_no_idx_data_says_which_files_are_wanted(tmp_path: Path) -> None:
    for config in (IdxConfig(), IdxConfig(path=str(tmp_path)), IdxConfig(path="/no/where")):
        message = refused(load_idx, config)
        for part in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels"):
            assert part in message
