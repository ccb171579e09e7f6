"""Array and idx files as people really have them: with headers, marks, metadata, and mistakes."""

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vaestro.data.arrays import ArraysConfig, load_arrays
from vaestro.data.dataset import DataSet
from vaestro.data.images.idx import IdxConfig, load_idx
from vaestro.data.numpy_files import archive
from vaestro.data.recognise import guess_source
from vaestro.foundation.edits import edited
from vaestro.foundation.errors import DataError, RecipeError

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
    ("a\n0,5\n1,6\n", "header names 1 columns and the rows have 2; commas part columns"),
    ("a,b\n0,5\n1\n", "no table of numbers"),
    ("a;b\n0;5\n1;6\n", "no table of numbers"),
    ("a,b\n0,NA\n1,6\n", "could not convert string 'NA'"),
    ("a,b\n0,nan\n1,6\n", "1 of 2 samples hold NaN"),
    ("a,b\n0,\n1,6\n", "no table of numbers"),
    ("a,b\n0,5\n#1,6\n2,7\n", "no table of numbers"),
    ("a,b\n", "holds no rows"),
    ("", "holds no rows"),
    (b"\xff\xfe\x00\x01", "byte 0 (0xff) is no text in UTF-8; save the table as UTF-8"),
    ("a,b\n0,1_2\n1,6\n", "could not convert string '1_2'"),
    (gzip.compress(b"a,b\n1,2\n", mtime=0)[:-3], "cut off or damaged"),
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
    ({}, {}, "holds no array of samples"),
    (
        {},
        {"a": np.ones(3), "t": np.array(["x"])},
        "two axes or more, the first of which counts the",
    ),
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
        ("t.npz", {"columns": ("a", "b")}, "data.columns=a,b"),
        ("t.npy", {"covariate_keys": "a"}, "data.covariate_keys=a"),
        ("t.csv", {"memory": "mapped"}, "data.memory=mapped"),
        ("t.parquet", {"key": "a"}, "data.key=a"),
    ],
)
def test_a_field_that_means_nothing_is_refused(
    name: str, fields: dict[str, Any], named: str, tmp_path: Path
) -> None:
    message = refused(load_arrays, ArraysConfig(path=str(tmp_path / name), **fields))
    assert f"{named} means nothing for a {name[1:]} file" in message


def test_columns_by_their_role(tmp_path: Path) -> None:
    text = 'x,age,"dose, mg",site,y\n1,30,0.5,b,9\n2,41.5,0.25,a,8\n3,52,1,b,7\n'
    data = csv(tmp_path, text, labels_key="site", covariate_keys=["dose, mg", "age"])
    assert data.values.tolist() == [[1, 9], [2, 8], [3, 7]]
    assert data.spec.names == ("x", "y")
    assert data.spec.label_names == ("a", "b")
    assert data.labels is not None
    assert data.labels.tolist() == [1, 0, 1]
    assert {name: x.tolist() for name, x in data.covariates.items()} == {
        "dose, mg": [0.5, 0.25, 1],
        "age": [30, 41.5, 52],
    }
    chosen = csv(tmp_path, text, columns="y, x", covariate_keys="age")
    assert chosen.values.tolist() == [[9, 1], [8, 2], [7, 3]]
    assert chosen.spec.names == ("y", "x")
    assert list(chosen.covariates) == ["age"]
    assert csv(tmp_path, "0,1\n5,6\n7,8\n").spec.names is None


@pytest.mark.parametrize("given", ["a,b", " a , b ", ["a", "b"], ("a", "b")])
def test_names_as_the_command_line_gives_them(given: Any) -> None:
    config = ArraysConfig(path="t.csv", covariate_keys=given, columns=given)
    assert config.covariate_keys == config.columns == ("a", "b")
    assert ArraysConfig(path="t.csv", columns=7).columns == ("7",)  # type: ignore[arg-type]
    recipe = {"name": "n", "data": {"kind": "arrays", "path": "t.csv"}}
    assert edited(recipe | {"data": config.plain()}, ("data.columns=x,y",))["data"]["columns"] == [
        "x",
        "y",
    ]


def test_no_columns_are_no_choice() -> None:
    with pytest.raises(RecipeError, match="columns"):
        ArraysConfig.parse({"path": "t.csv", "columns": ""})


ROLES: list[tuple[str, dict[str, Any], str]] = [
    ("a,b\n1,2\n3,x y\n", {}, "line 3, column b: could not convert string 'x y' to a number"),
    ("a,b\n1,2\n\n3,\n", {}, "line 4, column b: the cell is empty"),
    ('a,b\n1,"2\n"\n3,-\n', {}, "line 4, column b: could not convert string '-'"),
    ("a,b\n1,2\n3,\n", {"covariate_keys": "b"}, "covariate b in line 3 is empty; fill it in"),
    ("a,b\n1,2\n3,NA\n", {"covariate_keys": "b"}, "covariate b in line 3 is 'NA' and a finite"),
    ("a,b\n1,nan\n3,4\n", {"covariate_keys": "b"}, "covariate b in line 2 is 'nan' and a finite"),
    ("a,b\n1,2\n3,\n", {"labels_key": "b"}, "label b in line 3 is empty; fill it in"),
    ("a,b\n1,2\n3,x\n", {"labels_key": "b"}, "in line 3 is 'x' and above it stands '2'"),
    ("a,b\n1,2\n3,4\n", {"covariate_keys": "c"}, "has no column 'c'; legal: a, b"),
    ("a,b\n1,2\n3,4\n", {"columns": "a,c"}, "has no column 'c'; legal: a, b"),
    ("a,a\n1,2\n3,4\n", {"columns": "a"}, "has 2 columns called 'a'; rename them"),
    ("a,b\n1,2\n3,4\n", {"covariate_keys": "b", "columns": "a,b"}, "a column is one of the two"),
    ("a,b\n1,2\n3,4\n", {"covariate_keys": "a,b"}, "are all the 2 columns; name fewer"),
    ("a,b\n1,2\n3\n", {}, "line 3 has 1 cells and the header names 2 columns"),
    ("a,b\n1,2\n3,\0\n", {}, "column b: could not convert string"),
    ("a,b\n1,2\n3," + "9" * 200_000 + "\n", {}, "field larger than field limit"),
]


@pytest.mark.parametrize(("content", "fields", "message"), ROLES, ids=range(len(ROLES)))
def test_the_cell_that_is_wrong_is_named(
    content: str, fields: dict[str, Any], message: str, tmp_path: Path
) -> None:
    assert message in refused(csv, tmp_path, content, **fields)


def parted(labels: str = "labels", between: str = "{part}_{what}") -> dict[str, np.ndarray]:
    """Parts of 6, 2 and 3 samples with labels (N, 1), as MedMNIST has them."""
    images = RANDOM.integers(0, 250, (11, 9, 7, 3)).astype(np.uint8)
    kinds = np.arange(11, dtype=np.uint8)[:, None] % 4
    cuts = {"train": slice(0, 6), "val": slice(6, 8), "test": slice(8, 11)}
    arrays = {}
    for part, cut in cuts.items():
        arrays[between.format(part=part, what="images")] = images[cut]
        arrays[between.format(part=part, what=labels)] = kinds[cut]
    return arrays


@pytest.mark.parametrize(
    ("labels", "between"),
    [("labels", "{part}_{what}"), ("y", "{what}_{part}"), ("target", "{part}-{what}")],
)
def test_parts_are_found_by_their_names(labels: str, between: str, tmp_path: Path) -> None:
    arrays = parted(labels, between)
    data = npz(tmp_path, {}, **arrays)
    assert data.spec.shape == (3, 9, 7)
    assert len(data.values) == 11
    first = arrays[between.format(part="val", what="images")]
    assert np.array_equal(data.values[6:8], first.transpose(0, 3, 1, 2))
    assert data.labels is not None
    assert data.labels.tolist() == [i % 4 for i in range(11)]
    assert data.official_validation is not None
    assert data.official_validation.tolist() == [6, 7]
    assert data.official_test is not None
    assert data.official_test.tolist() == [8, 9, 10]


def test_parts_that_do_not_belong_together(tmp_path: Path) -> None:
    arrays = parted()
    two = npz(tmp_path, {}, **{k: v for k, v in arrays.items() if not k.startswith("val")})
    assert two.official_validation is None
    assert two.official_test is not None
    assert two.official_test.tolist() == [6, 7, 8]
    masks = arrays | {k.replace("images", "masks"): v for k, v in arrays.items()}
    assert "train_images (6, 9, 7, 3)" in refused(npz, tmp_path, {}, **masks)
    other = arrays | {"test_images": np.ones((3, 5, 5, 3))}
    assert "say which with --set data.key=NAME" in refused(npz, tmp_path, {}, **other)
    several = arrays | {"test_labels": np.ones((3, 14))}
    findings = npz(tmp_path, {}, **several)  # fourteen of them are no one label
    assert findings.labels is None
    assert findings.notes[0].startswith("test_labels hold no one number a sample")


def test_named_parts_bring_their_validation(tmp_path: Path) -> None:
    arrays = parted()
    key = "train_images,val_images,test_images"
    data = npz(tmp_path, {"key": key, "labels_key": "labels"}, **arrays)
    assert data.official_validation is not None
    assert data.official_validation.tolist() == [6, 7]
    assert data.labels is not None
    assert data.labels.tolist() == [i % 4 for i in range(11)]
    assert npz(tmp_path, {"key": key}, **arrays).labels is None
    first = npz(tmp_path, {"key": "val_images,train_images,test_images"}, **arrays)
    assert first.official_validation is None
    assert first.official_test is not None
    last = npz(tmp_path, {"key": "train_images,val_images"}, **arrays)
    assert last.official_test is None
    assert last.official_validation is not None
    assert last.official_validation.tolist() == [6, 7]


def test_covariates_and_names_from_an_archive(tmp_path: Path) -> None:
    x = RANDOM.normal(size=(9, 2))
    more = {
        "age": np.arange(9.0),
        "pose": RANDOM.normal(size=(9, 3)),
        "names": np.array(["p", "q"]),
    }
    data = npz(tmp_path, {"key": "x", "covariate_keys": "age,pose"}, x=x, **more)
    assert list(data.covariates) == ["age", "pose_0", "pose_1", "pose_2"]
    np.testing.assert_allclose(data.covariates["pose_2"], more["pose"][:, 2], rtol=1e-6)
    assert data.spec.names == ("p", "q")
    parts = {"x_train": x[:6], "x_test": x[6:], "age_train": np.ones(6), "age_test": np.zeros(3)}
    joined = npz(tmp_path, {"covariate_keys": "age"}, **parts)
    assert joined.covariates["age"].tolist() == [1] * 6 + [0] * 3
    message = refused(npz, tmp_path, {"key": "x", "covariate_keys": "names"}, x=x, **more)
    assert "covariate names is no array of numbers" in message
    message = refused(npz, tmp_path, {"key": "x", "covariate_keys": "sex"}, x=x, **more)
    assert "has no array 'sex'" in message
    gap = np.array([1.0, np.nan, 3])
    message = refused(npz, tmp_path, {"covariate_keys": "gap"}, x=x[:3], gap=gap)
    assert "covariate gap misses 1 of 3 values, the first at sample 1" in message


def test_sprites_with_their_factors(tmp_path: Path) -> None:
    images = RANDOM.integers(0, 2, (12, 8, 8)).astype(np.uint8)
    classes = RANDOM.integers(0, 3, (12, 6))
    arrays = {
        "metadata": np.array({"author": "x"}, dtype=object),
        "imgs": images,
        "latents_classes": classes,
        "latents_values": classes / 7,
    }
    data = npz(tmp_path, {"key": "imgs", "covariate_keys": "latents_values"}, **arrays)
    assert np.array_equal(data.values[:, 0], images)
    assert data.spec.values == "binary"
    assert len(data.covariates) == 6
    assert "latents_classes (12, 6)" in refused(npz, tmp_path, {}, **arrays)


def test_text_labels_beside_an_array(tmp_path: Path) -> None:
    x = RANDOM.normal(size=(3, 2))
    data = npz(tmp_path, {"labels_key": "kind"}, x=x, kind=np.array(["b", " a", "b"]))
    assert data.labels is not None
    assert data.labels.tolist() == [1, 0, 1]
    assert data.spec.label_names == ("a", "b")
    message = refused(npz, tmp_path, {"labels_key": "kind"}, x=x, kind=np.array(["b", "", "b"]))
    assert "label 1 is ''" in message


def test_bytes_that_are_black_or_white_are_binary(tmp_path: Path) -> None:
    x = RANDOM.integers(0, 2, (9, 5)).astype(np.uint8) * 255
    data = npz(tmp_path, {}, x=x)
    assert (data.spec.values, data.spec.scale, data.spec.levels) == ("binary", 1.0, 2)
    assert np.array_equal(data.values * 255, x)
    assert npz(tmp_path, {"values": "unit"}, x=x).values.max() == 255
    asked = npz(tmp_path, {"values": "binary"}, x=x)
    assert np.array_equal(asked.values, data.values)
    x[4, 4] = 254
    assert npz(tmp_path, {}, x=x).spec.values == "unit"


def test_packed_parts_are_found(real_data: Path) -> None:
    path = real_data / "binarized_mnist" / "binarized_mnist_packed.npz"
    data = load_arrays(ArraysConfig(path=str(path), packed_columns=784))
    assert data.values.shape == (70_000, 784)
    assert data.official_validation is not None
    assert data.official_validation[[0, -1]].tolist() == [50_000, 59_999]
    assert data.official_test is not None
    assert data.official_test[[0, -1]].tolist() == [60_000, 69_999]


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
    table = tmp_path / "my_idx_of_cells.csv"  # the word alone makes no file one of the family
    table.write_text("a,b\n1,2\n")
    assert guess_source(table) == ArraysConfig(path=str(table))


def test_endings_in_capitals(tmp_path: Path) -> None:
    x = RANDOM.normal(size=(4, 3)).astype(np.float32)
    with (tmp_path / "X.NPY").open("wb") as file:
        np.save(file, x)
    source = guess_source(tmp_path / "X.NPY")
    assert isinstance(source, ArraysConfig)
    assert np.array_equal(load_arrays(source).values[:], x)


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
    assert "these are labels" in refused(load_idx, IdxConfig(path=str(tmp_path)))


def test_every_way_to_name_no_idx_data_says_which_files_are_wanted(tmp_path: Path) -> None:
    for config in (IdxConfig(), IdxConfig(path=str(tmp_path)), IdxConfig(path="/no/where")):
        message = refused(load_idx, config)
        for part in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels"):
            assert part in message
