"""Small NORB from its files, byte by byte, and the division of its toys."""

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from vaestro.data.images.matrix import TYPES, is_matrix, read_matrix, write_matrix
from vaestro.data.images.norb import NorbConfig, is_norb_folder, load_norb
from vaestro.data.images.turntable import Stereo
from vaestro.data.split import SplitConfig, split
from vaestro.foundation.errors import DataError, RecipeError

NAMES = {
    "training": "smallnorb-5x46789x9x18x6x2x96x96-training-{}.mat",
    "testing": "smallnorb-5x01235x9x18x6x2x96x96-testing-{}.mat",
}
INSTANCES = {"training": (4, 6, 7, 8, 9), "testing": (0, 1, 2, 3, 5)}
PAIRS_PER_TOY = 9 * 18 * 6


def norb(folder: Path, parts: tuple[str, ...] = ("training", "testing"), size: int = 1) -> Path:
    """Full-length official files of tiny pictures; the grey of a picture tells its number."""
    for part in parts:
        factors = (range(5), INSTANCES[part], range(9), range(0, 36, 2), range(6))
        info = np.stack([f.reshape(-1) for f in np.meshgrid(*factors, indexing="ij")], axis=1)
        order = np.random.default_rng(len(part)).permutation(len(info))
        info = info[order].astype(np.int32)
        pictures = np.arange(2 * len(info)) % 251
        grid = np.repeat(pictures.astype(np.uint8), size * size).reshape(-1, 2, size, size)
        write_matrix(folder / NAMES[part].format("dat"), grid)
        write_matrix(folder / NAMES[part].format("cat"), info[:, 0])
        write_matrix(folder / NAMES[part].format("info"), info[:, 1:])
    return folder


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return norb(tmp_path_factory.mktemp("norb"))


def refused(path: Path | None, **fields: Any) -> str:
    with pytest.raises((DataError, RecipeError)) as caught:
        load_norb(NorbConfig.parse({"path": None if path is None else str(path), **fields}))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_bytes_of_a_matrix_file(tmp_path: Path) -> None:
    header = struct.pack("<6I", 0x1E3D4C55, 4, 2, 2, 1, 3)
    (tmp_path / "dat").write_bytes(header + bytes(range(12)))
    assert read_matrix(tmp_path / "dat").tolist() == np.arange(12).reshape(2, 2, 1, 3).tolist()
    column = struct.pack("<5I", 0x1E3D4C54, 1, 3, 1, 1) + struct.pack("<3i", 5, -1, 70000)
    (tmp_path / "cat").write_bytes(gzip.compress(column))
    assert read_matrix(tmp_path / "cat").tolist() == [5, -1, 70000]
    write_matrix(tmp_path / "again", np.array([5, -1, 70000]).astype("i4"))
    assert (tmp_path / "again").read_bytes() == column
    assert is_matrix(tmp_path / "cat") and not is_matrix(Path(__file__))


@settings(max_examples=40, deadline=None)
@given(
    arrays.arrays(
        st.sampled_from([np.dtype(kind) for kind in TYPES.values()]),
        arrays.array_shapes(max_dims=5, max_side=4),
    )
)
def test_a_matrix_comes_back(tmp_path_factory: pytest.TempPathFactory, array: np.ndarray) -> None:
    path = tmp_path_factory.mktemp("matrix") / "m"
    write_matrix(path, array)
    back = read_matrix(path)
    assert back.dtype == array.dtype and back.shape == array.shape
    assert back.tobytes() == array.tobytes()
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert read_matrix(path).tobytes() == array.tobytes()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "cut off in its header: 0 of"),
        (b"\x51\x4c", "cut off in its header: 2 of"),
        (struct.pack("<5I", 0x1E3D4C52, 1, 3, 1, 1), "packed"),
        (struct.pack(">5I", 0x1E3D4C55, 1, 3, 1, 1) + b"abc", "no matrix file: it starts with 55"),
        (struct.pack("<4I", 0x1E3D4C55, 1, 3, 1), "16 of 20 bytes"),
        (struct.pack("<5I", 0x1E3D4C55, 1, 3, 1, 1) + b"ab", "needs 23 bytes, and has 22"),
        (struct.pack("<5I", 0x1E3D4C55, 1, 3, 1, 1) + b"abcd", "needs 23 bytes, and has 24"),
        (struct.pack("<5I", 0x1E3D4C55, 2, 0, 3, 1), "empty"),
        (struct.pack("<5I", 0x1E3D4C55, 2**31, 3, 1, 1), "2147483648 axes"),
        (struct.pack("<5I", 0x1E3D4C55, 3, *[2**32 - 1] * 3), "cut off"),
        (gzip.compress(b"x" * 99, mtime=0)[:-9], "gzip file that is cut off or damaged"),
    ],
)
def test_damaged_matrices_are_refused_in_one_line(
    tmp_path: Path, content: bytes, said: str
) -> None:
    (tmp_path / "m").write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_matrix(tmp_path / "m")
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_what_a_matrix_file_cannot_hold(tmp_path: Path) -> None:
    for array in (np.arange(3), np.array(1.0), np.array(["a"])):
        with pytest.raises(DataError, match="float32, float64, int32, uint8 or int16"):
            write_matrix(tmp_path / "m", array)
    assert not list(tmp_path.iterdir())


def test_the_division_of_the_log(official: Path) -> None:
    data = load_norb(NorbConfig(path=str(official)))
    assert data.values.shape == (97_200, 1, 1, 1) and data.spec.levels == 256
    assert data.spec.label_names == ("animal", "human", "plane", "truck", "car")
    parts = split(data, SplitConfig(validation="official", test="official"))
    assert [len(parts.train), len(parts.validation), len(parts.test)] == [68_040, 19_440, 9_720]
    assert data.groups is not None
    held = [set(data.groups[part]) for part in (parts.train, parts.validation, parts.test)]
    assert not (held[0] & held[1] or held[0] & held[2] or held[1] & held[2])
    assert sorted(held[2]) == [9, 19, 29, 39, 49]
    assert sorted({group % 10 for group in held[1]}) == [7, 8]


def test_labels_and_covariates_belong_to_their_picture(official: Path) -> None:
    data = load_norb(NorbConfig(path=str(official)))
    pictures = read_matrix(official / NAMES["training"].format("dat"))
    category = read_matrix(official / NAMES["training"].format("cat"))
    info = read_matrix(official / NAMES["training"].format("info"))
    for number in (0, 1, 777, 48_599):
        pair, eye = divmod(number, 2)
        assert data.values[number : number + 1].item() == pictures[pair, eye].item()
        assert data.labels is not None and data.labels[number] == category[pair]
        assert data.covariates["elevation"][number] == 30 + 5 * info[pair, 1]
        assert data.covariates["azimuth"][number] == 10 * info[pair, 2]
        assert data.covariates["lighting"][number] == info[pair, 3]
        assert data.covariates["stereo"][number] == eye
    first_of_testing = read_matrix(official / NAMES["testing"].format("dat"))[0, 0].item()
    assert data.values[48_600:48_601].item() == first_of_testing


@pytest.mark.parametrize(
    ("stereo", "channels", "eye"), [("pair", 2, 0), ("left", 1, 0), ("right", 1, 1)]
)
def test_eyes(official: Path, stereo: Stereo, channels: int, eye: int) -> None:
    data = load_norb(NorbConfig(path=str(official), stereo=stereo))
    pictures = read_matrix(official / NAMES["training"].format("dat"))
    assert data.values.shape == (48_600, channels, 1, 1)
    assert (
        data.values[4:5].reshape(-1).tolist()
        == pictures[4, eye : eye + channels].reshape(-1).tolist()
    )
    assert "stereo" not in data.covariates
    assert "stereo=unrolled" in refused(official, stereo=stereo, label="stereo")


@pytest.mark.parametrize(
    ("label", "count"),
    [("instance", 10), ("elevation", 9), ("azimuth", 18), ("lighting", 6), ("stereo", 2)],
)
def test_any_annotation_can_be_the_label(official: Path, label: Any, count: int) -> None:
    data = load_norb(NorbConfig(path=str(official), label=label))
    assert data.labels is not None and data.spec.label_names is not None
    assert sorted(set(data.labels.tolist())) == list(range(count))
    assert len(data.spec.label_names) == count
    if label == "azimuth":
        assert data.spec.label_names[data.labels[5]] == f"{data.covariates['azimuth'][5]:g} degrees"


def test_one_part_alone_in_the_names_of_the_log(tmp_path: Path) -> None:
    norb(tmp_path, ("training",), size=2)
    for old, new in (("dat", "image"), ("cat", "category"), ("info", "info")):
        raw = (tmp_path / NAMES["training"].format(old)).read_bytes()
        (tmp_path / NAMES["training"].format(old)).unlink()
        (tmp_path / f"norb_train_{new}").write_bytes(gzip.compress(raw, 1))
    assert is_norb_folder(tmp_path) and not is_norb_folder(tmp_path.parent / "nothing")
    data = load_norb(NorbConfig(path=str(tmp_path)))
    assert data.values.shape == (48_600, 1, 2, 2)
    assert data.official_test is not None and len(data.official_test) == 9_720
    without = NorbConfig(path=str(tmp_path), train_instances=(4, 6), test_instances=(0,))
    data = load_norb(without)
    assert data.official_test is None
    assert data.notes == ("left out 4860 stereo pairs of toys in no part.",)


def test_toys_in_no_part_are_left_out(official: Path) -> None:
    chosen = {"train_instances": [4, 3], "validation_instances": [5], "test_instances": []}
    data = load_norb(NorbConfig.parse({"path": str(official), **chosen}))
    assert len(data.values) == 3 * 5 * PAIRS_PER_TOY * 2 and data.official_test is None
    assert data.groups is not None and sorted({g % 10 for g in data.groups}) == [3, 4, 5]
    assert data.official_validation is not None
    assert set(data.groups[data.official_validation] % 10) == {5}


def test_impossible_parts() -> None:
    assert "instances [-1, 10] do not exist" in refused(None, train_instances=[10, -1])
    assert "[7] are listed twice" in refused(None, train_instances=[6, 7])
    assert "train_instances is empty" in refused(None, train_instances=[])


def test_missing_files(tmp_path: Path) -> None:
    assert "data.path" in refused(None)
    assert "there is no folder" in refused(tmp_path / "nothing")
    assert "holds no pictures" in refused(tmp_path)
    assert "is a file" in refused(Path(__file__))
    norb(tmp_path, ("training",))
    (tmp_path / NAMES["training"].format("cat")).unlink()
    assert "lacks the cat file of the training part" in refused(tmp_path)


@pytest.mark.parametrize(
    ("role", "array", "said"),
    [
        ("dat", np.zeros((9, 2, 1, 1), np.uint8), "has 9 pairs"),
        ("dat", np.zeros((24300, 2, 1, 1), np.float32), "holds float32"),
        ("dat", np.zeros((24300, 1, 1), np.uint8), "(24300, 1, 1)"),
        ("dat", np.zeros((24300, 2, 3, 3), np.uint8), "differ in size: (1, 1) and (3, 3)"),
        ("cat", np.zeros((24300, 2), np.int32), "whole numbers of shape (24300,)"),
        ("cat", np.zeros(24300, np.float32), "float32"),
        ("cat", np.full(24300, 5, np.int32), "category of pair 0 is 5; legal: 0 to 4"),
        (
            "info",
            np.full((24300, 4), 1, np.int32),
            "azimuth of pair 0 is 1; legal: 0 to 34 in step",
        ),
        ("info", np.zeros((24300, 3), np.int32), "whole numbers of shape (24300, 4)"),
    ],
)
def test_files_that_do_not_fit(
    official: Path, tmp_path: Path, role: str, array: np.ndarray, said: str
) -> None:
    for path in official.iterdir():
        (tmp_path / path.name).symlink_to(path)
    spoilt = tmp_path / NAMES["testing"].format(role)
    spoilt.unlink()
    write_matrix(spoilt, array)
    assert said in refused(tmp_path)


def test_no_toy_left_to_train_on(tmp_path: Path) -> None:
    norb(tmp_path, ("testing",))
    said = refused(tmp_path, train_instances=[4, 6])
    assert "holds the instances [0, 1, 2, 3, 5]" in said and "no picture is left" in said
