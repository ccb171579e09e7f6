"""Tractogram files: every coordinate comes back, and a damaged file is one clear line."""

import gzip
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from vaestro.data.streamlines.lines import Lines
from vaestro.data.streamlines.streamline_files import read_any, read_tractogram, write_tractogram
from vaestro.foundation.errors import DataError
from vaestro.foundation.samples import Frame

ENDINGS = [".trk", ".tck", ".trx", ".trk.gz", ".tck.gz"]
OBLIQUE = Frame.of(
    np.array([[-1.4, 0.3, 0.2, 90], [0.2, 1.9, -0.4, -126], [0.1, 0.5, 2.4, -72], [0, 0, 0, 1]]),
    (96, 112, 70),
)
VOX_TO_RAS, COUNT, VOXEL_SIZE, VOXEL_ORDER, VERSION = 440, 988, 12, 948, 992


@pytest.fixture
def lines() -> list[np.ndarray]:
    random = np.random.default_rng(4)
    return [
        random.uniform(-120, 120, (count, 3)).astype(np.float32) for count in (2, 7, 40, 1, 300)
    ]


def one_line(fault: pytest.ExceptionInfo[DataError]) -> str:
    text = str(fault.value)
    assert "\n" not in text and len(text) < 400
    return text


def patched(path: Path, place: int, content: bytes) -> Path:
    raw = bytearray(path.read_bytes())
    raw[place : place + len(content)] = content
    path.write_bytes(bytes(raw))
    return path


@pytest.fixture
def trk(tmp_path: Path, lines: list[np.ndarray]) -> Path:
    path = tmp_path / "lines.trk"
    write_tractogram(path, lines, OBLIQUE, {"fa": np.arange(5.0)})
    return path


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_point_comes_back(tmp_path: Path, lines: list[np.ndarray], ending: str) -> None:
    path = tmp_path / f"lines{ending}"
    write_tractogram(path, lines, OBLIQUE)
    read = read_tractogram(path)
    assert [len(line) for line in read.lines] == [2, 7, 40, 1, 300]
    for line, given in zip(read.lines, lines, strict=True):
        assert np.abs(line - given).max() < 1e-4
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    if "tck" in ending:
        assert read.frame is None
    else:
        assert read.frame is not None
        assert np.allclose(read.frame.matrix, OBLIQUE.matrix, rtol=1e-6)
        assert read.frame.dimensions == (96, 112, 70)
    assert path.read_bytes()[:2] == b"\x1f\x8b" or not ending.endswith(".gz")


def test_nibabel_reads_what_is_written(trk: Path, lines: list[np.ndarray]) -> None:
    import nibabel

    file = nibabel.streamlines.load(trk)
    assert file.header["voxel_order"] == b"LAS"
    assert np.allclose(file.header["voxel_sizes"], OBLIQUE.voxel_sizes)
    assert np.abs(file.streamlines[4] - lines[4]).max() < 1e-4
    write_tractogram(trk.with_suffix(".tck"), lines)
    assert np.array_equal(
        nibabel.streamlines.load(trk.with_suffix(".tck")).streamlines[1], lines[1]
    )


@pytest.mark.parametrize("ending", [".trk", ".trx"])
def test_numbers_per_streamline_come_back(
    tmp_path: Path, lines: list[np.ndarray], ending: str
) -> None:
    path = tmp_path / f"lines{ending}"
    columns = {"fa": np.arange(5.0), "colour": np.arange(15.0).reshape(5, 3)}
    write_tractogram(path, lines, None, columns)
    read = read_tractogram(path).per_streamline
    assert set(read) == {"fa", "colour"}
    assert np.array_equal(read["fa"], columns["fa"])
    assert np.array_equal(read["colour"], columns["colour"])


def test_equal_lines_are_equal_bytes(tmp_path: Path, lines: list[np.ndarray]) -> None:
    for name in ("a", "b"):
        write_tractogram(tmp_path / f"{name}.trk.gz", lines)
    assert (tmp_path / "a.trk.gz").read_bytes() == (tmp_path / "b.trk.gz").read_bytes()


def test_format_is_told_by_content(trk: Path) -> None:
    renamed = trk.with_name("renamed.tck")
    renamed.write_bytes(gzip.compress(trk.read_bytes()))
    assert np.array_equal(read_tractogram(renamed).lines.points, read_tractogram(trk).lines.points)


@pytest.mark.parametrize("ending", ENDINGS)
def test_cut_off_anywhere(tmp_path: Path, lines: list[np.ndarray], ending: str) -> None:
    path = tmp_path / f"lines{ending}"
    write_tractogram(path, lines)
    raw = path.read_bytes()
    for size in (0, 3, 30, len(raw) // 4, len(raw) // 2, len(raw) - 12, len(raw) - 1):
        path.write_bytes(raw[:size])
        with pytest.raises(DataError) as fault:
            read_tractogram(path)
        assert path.name in one_line(fault)


def test_fewer_streamlines_than_the_header_says(trk: Path) -> None:
    patched(trk, COUNT, (9).to_bytes(4, "little"))
    with pytest.raises(DataError, match="says 9 streamlines and holds 5"):
        read_tractogram(trk)


def test_more_streamlines_than_the_header_says(trk: Path) -> None:
    patched(trk, COUNT, (4).to_bytes(4, "little"))
    read = read_tractogram(trk)
    assert len(read.lines) == 4
    assert f"{4 + 300 * 12 + 4} bytes after the last streamline" in read.notes[0]


def test_a_header_without_count_or_order(trk: Path) -> None:
    whole = read_tractogram(trk)
    patched(trk, COUNT, bytes(4))
    assert np.array_equal(read_tractogram(trk).lines.points, whole.lines.points)
    patched(trk, VOXEL_ORDER, bytes(4))
    assert "Voxel order is not specified" in read_tractogram(trk).notes[0]


def test_a_first_version_has_no_affine(trk: Path) -> None:
    patched(trk, VERSION, (1).to_bytes(4, "little"))
    read = read_tractogram(trk)
    assert read.frame is not None and np.array_equal(read.frame.matrix, np.eye(4))
    assert any("vox_to_ras" in note for note in read.notes)


@pytest.mark.parametrize(
    "rows",
    [
        [[1, 2, 3, 0], [2, 4, 6, 0], [1, 0, 1, 0], [0, 0, 0, 1]],
        [[0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
        [[np.nan, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
        [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, np.inf], [0, 0, 0, 1]],
        [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 2]],
    ],
)
def test_an_affine_that_does_not_invert(
    trk: Path, lines: list[np.ndarray], rows: list[list[float]]
) -> None:
    patched(trk, VOX_TO_RAS, np.array(rows, "<f4").tobytes())
    with pytest.raises(DataError, match="cannot be inverted") as fault:
        read_tractogram(trk)
    assert "determinant not 0" in one_line(fault)
    for ending in (".trk", ".trx"):
        out = trk.with_name(f"out{ending}")
        if ending == ".trk":
            with pytest.raises(DataError, match="cannot be inverted"):
                write_tractogram(out, lines, Frame.of(np.array(rows), (1, 1, 1)))
            assert not out.exists()


def test_voxels_of_no_size(trk: Path) -> None:
    patched(trk, VOXEL_SIZE, bytes(12))
    with pytest.raises(DataError, match="voxel sizes"):
        read_tractogram(trk)


def test_no_streamlines(tmp_path: Path, trk: Path) -> None:
    empty = tmp_path / "empty.trk"
    empty.write_bytes(trk.read_bytes()[:1000])
    patched(empty, COUNT, bytes(4))
    assert len(read_any(empty).lines) == 0
    with pytest.raises(DataError, match="holds 0 streamlines"):
        read_tractogram(empty)


def test_what_is_no_tractogram(tmp_path: Path) -> None:
    for name, content in {"a.trk": b"hello", "b.tck": b"", "c.trx": b"PK\x03\x04junk"}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError) as fault:
            read_tractogram(tmp_path / name)
        assert name in one_line(fault)
    with pytest.raises(DataError, match="folder"):
        read_tractogram(tmp_path)
    with pytest.raises(DataError, match="no file"):
        read_tractogram(tmp_path / "absent.trk")


@pytest.mark.parametrize(
    ("member", "content"),
    [
        ("header.json", b"{}"),
        ("offsets.uint32", np.array([0, 9, 3], "<u4").tobytes()),
        ("offsets.uint32", np.array([0, 2, 900], "<u4").tobytes()),
        ("positions.3.float32", bytes(24)),
        ("positions.3.float32", bytes(25)),
        ("dps/fa.float32", bytes(4)),
        ("dps/fa.complex64", bytes(16)),
    ],
)
def test_a_damaged_trx(tmp_path: Path, member: str, content: bytes) -> None:
    path = tmp_path / "lines.trx"
    write_tractogram(path, [np.ones((2, 3)), np.zeros((3, 3))], None, {"fa": np.ones(2)})
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    changed = BytesIO()
    with zipfile.ZipFile(changed, "w") as archive:
        for name, held in (members | {member: content}).items():
            archive.writestr(name, held)
    path.write_bytes(changed.getvalue())
    with pytest.raises(DataError, match=r"damaged \.trx") as fault:
        read_tractogram(path)
    one_line(fault)


def test_a_trx_of_half_precision_and_old_offsets(tmp_path: Path) -> None:
    path = tmp_path / "old.trx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "header.json",
            '{"DIMENSIONS": [2, 3, 4], "VOXEL_TO_RASMM": [[1,0,0,0],[0,1,0,0],[0,0,1,0],[0,0,0,1]],'
            ' "NB_STREAMLINES": 2, "NB_VERTICES": 5}',
        )
        archive.writestr("positions.3.float16", np.arange(15, dtype="<f2").tobytes())
        archive.writestr("offsets.uint64", np.array([0, 2], "<u8").tobytes())
        archive.writestr("groups/left.uint32", np.array([0], "<u4").tobytes())
    read = read_tractogram(path)
    assert read.lines[0].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert read.lines[1][-1].tolist() == [12, 13, 14]
    assert read.frame is not None and read.frame.dimensions == (2, 3, 4)


@pytest.mark.parametrize(
    ("name", "lines", "columns", "match"),
    [
        ("a.csv", [np.ones((2, 3))], None, "not one of them"),
        ("a.trx.gz", [np.ones((2, 3))], None, "not one of them"),
        ("a.trk", [], None, "no streamlines to write"),
        ("a.trk", [np.ones((0, 3))], None, "no points"),
        ("a.tck", [np.full((2, 3), np.nan)], None, "NaN"),
        ("a.trk", [np.ones((2, 2))], None, "shape"),
        ("a.trk", ["words"], None, "shape"),
        ("a.tck", [np.ones((2, 3))], {"fa": np.ones(1)}, "no room"),
        ("a.trk", [np.ones((2, 3))], {"fa": np.ones(2)}, "one row a streamline"),
        ("a.trk", [np.ones((2, 3))], {"a" * 21: np.ones(1)}, "write a .trx"),
        ("a.trk", [np.ones((2, 3))], {f"q{i}": np.ones(1) for i in range(11)}, "at most 10"),
    ],
)
def test_what_cannot_be_written(tmp_path: Path, name, lines, columns, match: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DataError, match=match) as fault:
        write_tractogram(tmp_path / name, lines, None, columns)
    one_line(fault)
    assert list(tmp_path.iterdir()) == []


def test_lines_of_several_makes() -> None:
    import torch

    array = np.arange(18.0).reshape(2, 3, 3)
    for given in (array, list(array), torch.from_numpy(array), [list(map(list, a)) for a in array]):
        assert np.array_equal(Lines.of(given).points, array.reshape(6, 3))
    backwards = Lines.of(array).reversed_where(np.array([False, True]))
    assert np.array_equal(backwards[0], array[0]) and np.array_equal(backwards[1], array[1, ::-1])


def test_real_files_come_back(real_data: Path, tmp_path: Path) -> None:
    files = sorted(
        f for f in (real_data / "streamlines").rglob("*") if f.suffix in (".trk", ".tck")
    )
    assert len(files) == 41
    total = 0
    for file in files:
        read = read_tractogram(file)
        assert not read.notes
        total += len(read.lines) * ("atlas" in file.parts)
        for ending in (".trk", ".tck"):
            write_tractogram(tmp_path / f"out{ending}", read.lines, read.frame)
            again = read_tractogram(tmp_path / f"out{ending}")
            assert np.array_equal(again.lines.starts, read.lines.starts)
            assert np.abs(again.lines.points - read.lines.points).max() < 1e-4
            assert ending == ".tck" or read.frame is None or again.frame == read.frame
    assert total == 4613
