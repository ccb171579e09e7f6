"""Volumes from MRC2014 and NIfTI files and back, whole and cut, and what is refused."""

import gzip
import struct
from pathlib import Path

import mrcfile
import nibabel
import numpy as np
import pytest

from vaestro.data.dataset import DataSet, require_learnable
from vaestro.data.rows import Renderer
from vaestro.data.volumes.crops import Crops
from vaestro.data.volumes.volume_files import read_volume, write_volumes
from vaestro.data.volumes.volumes import VolumesConfig, is_volume, load_volumes
from vaestro.foundation.errors import DataError
from vaestro.foundation.samples import Frame

AFFINE = np.array([[2, 0.5, 0, -9], [0, 1.5, 0, 4], [0.25, 0, 3, 7], [0, 0, 0, 1]], float)


def grid(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape or (3, 4, 5)).astype(np.float32)


def mrc_bytes(data: np.ndarray, mode: int = 2, order: str = "<", **fields: object) -> bytes:
    """An MRC2014 file, byte by byte: 1024 bytes of header, then sections, rows, columns."""
    header = bytearray(1024)
    *_, sections, rows, columns = data.shape
    words = {1: columns, 2: rows, 3: sections, 4: mode, 8: columns, 9: rows, 10: sections}
    words |= {17: 1, 18: 2, 19: 3, 23: 1}
    names = {"start": 5, "grid": 8, "axes": 17, "ispg": 23}
    for name, first in names.items():
        for step, value in enumerate(np.atleast_1d(fields.get(name, []))):
            words[first + step] = int(value)
    for word, value in words.items():
        struct.pack_into(f"{order}i", header, 4 * (word - 1), value)
    struct.pack_into(f"{order}6f", header, 40, *fields.get("cell", (0,) * 6))  # type: ignore[misc]
    struct.pack_into(f"{order}3f", header, 196, *fields.get("origin", (0,) * 3))  # type: ignore[misc]
    header[208:212] = b"MAP "
    header[212:216] = b"\x44\x44\0\0" if order == "<" else b"\x11\x11\0\0"
    return bytes(header) + data.tobytes()


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def nifti(path: Path, data: np.ndarray, affine: np.ndarray = AFFINE, unit: str = "mm") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nibabel.Nifti1Image(data, affine)
    image.header.set_xyzt_units(unit)
    nibabel.save(image, path)
    return path


def load(path: Path, **fields: object) -> DataSet:
    return load_volumes(VolumesConfig.parse({"path": str(path), **fields}))


def refused(read: object, *parts: str) -> None:
    with pytest.raises(DataError) as fault:
        read()  # type: ignore[operator]
    text = str(fault.value)
    assert "\n" not in text
    for part in parts:
        assert part in text, text


@pytest.mark.parametrize(("mode", "kind"), [(0, "i1"), (1, "i2"), (2, "f4"), (6, "u2"), (12, "f2")])
@pytest.mark.parametrize("order", ["<", ">"])
def test_mrc_modes_and_byte_orders(tmp_path: Path, mode: int, kind: str, order: str) -> None:
    data = (grid(1) * 20).astype(f"{order}{kind}")
    path = put(tmp_path / "a.mrc", mrc_bytes(data, mode, order))
    values = read_volume(path).values
    assert values.dtype == np.float32 and values.flags.c_contiguous
    assert np.array_equal(values, data.astype(np.float32))


@pytest.mark.parametrize("axes", [(1, 2, 3), (3, 1, 2), (2, 1, 3), (3, 2, 1)])
def test_mrc_axes_come_out_as_z_y_x(tmp_path: Path, axes: tuple[int, int, int]) -> None:
    wanted = grid(2, 6, 5, 4)  # z, y, x
    by_axis = {1: 2, 2: 1, 3: 0}
    columns, rows, sections = axes
    stored = wanted.transpose([by_axis[sections], by_axis[rows], by_axis[columns]])
    start = {1: 10, 2: 20, 3: 30}
    content = mrc_bytes(
        np.ascontiguousarray(stored),
        axes=axes,
        start=[start[axis] for axis in axes],
        grid=(4, 5, 6),
        cell=(8, 15, 24, 90, 90, 90),
    )
    read = read_volume(put(tmp_path / "a.map", content))
    assert np.array_equal(read.values, wanted)
    assert read.frame.voxel_sizes == (2.0, 3.0, 4.0)
    assert read.frame.dimensions == (4, 5, 6)
    assert read.frame.unit == "angstrom"
    assert read.frame.matrix[:3, 3].tolist() == [20, 60, 120]


def test_mrc_origin_goes_before_start_and_angles_shear(tmp_path: Path) -> None:
    content = mrc_bytes(
        grid(1), start=(9, 9, 9), origin=(1, 2, 3), grid=(5, 4, 3), cell=(5, 8, 3, 90, 60, 90)
    )
    affine = read_volume(put(tmp_path / "a.mrc", content)).frame.matrix
    assert np.allclose(affine[:3, :3], [[1, 0, 0.5], [0, 2, 0], [0, 0, np.sqrt(0.75)]])
    assert affine[:3, 3].tolist() == [1, 2, 3]


def test_mrc_extended_header_is_passed_over(tmp_path: Path) -> None:
    raw = bytearray(mrc_bytes(grid(1)))
    struct.pack_into("<i", raw, 92, 80)
    raw[1024:1024] = b"x" * 80
    assert np.array_equal(read_volume(put(tmp_path / "a.mrc", bytes(raw))).values, grid(1))


def test_mrc_small_faults_are_overlooked(tmp_path: Path) -> None:
    raw = bytearray(mrc_bytes(grid(1), axes=(0, 0, 0)))
    raw[208:216] = bytes(8)  # neither map name nor machine stamp
    read = read_volume(put(tmp_path / "a.mrc", bytes(raw)))
    assert np.array_equal(read.values, grid(1))
    assert np.array_equal(read.frame.matrix, np.eye(4))
    raw = bytearray(mrc_bytes(grid(1).astype(">f4"), order=">"))
    raw[212:216] = b"\x44\x44\0\0"  # the stamp of the other byte order
    assert np.array_equal(read_volume(put(tmp_path / "b.mrc", bytes(raw))).values, grid(1))


@pytest.mark.parametrize("ending", ["a.mrc", "a.map", "a.nii"])
def test_gzip_is_told_by_content(tmp_path: Path, ending: str) -> None:
    write_volumes(tmp_path / ending, grid(1)[None, None])
    raw = (tmp_path / ending).read_bytes()
    squeezed = put(tmp_path / f"{ending}.gz", gzip.compress(raw))
    hidden = put(tmp_path / f"hidden-{ending}", gzip.compress(raw))
    for path in (squeezed, hidden):
        assert np.array_equal(read_volume(path).values, grid(1))
    put(squeezed, gzip.compress(raw)[:-20])
    refused(lambda: read_volume(squeezed), "cut off")


def test_nifti_axes_scaling_affine_and_units(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(np.arange(60, dtype=np.int16).reshape(3, 4, 5), AFFINE)
    image.header.set_slope_inter(0.5, 10)
    nibabel.save(image, tmp_path / "a.nii")
    read = read_volume(tmp_path / "a.nii")
    assert read.values.shape == (5, 4, 3)
    assert np.allclose(read.values, (np.arange(60).reshape(3, 4, 5) * 0.5 + 10).T)
    assert np.allclose(read.frame.matrix, AFFINE)
    assert (read.frame.dimensions, read.frame.unit) == ((3, 4, 5), "mm")
    micron = read_volume(nifti(tmp_path / "b.nii.gz", grid(1), unit="micron"))
    assert np.allclose(micron.frame.matrix[:3], AFFINE[:3] / 1000)


def test_nifti_small_faults_are_overlooked_in_silence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    raw = bytearray(nifti(tmp_path / "a.nii", grid(1)).read_bytes())
    struct.pack_into("<h", raw, 252, 99)  # a code of the qform that does not exist
    read = read_volume(put(tmp_path / "a.nii", bytes(raw)))
    assert np.array_equal(read.values, grid(1).T)
    assert capfd.readouterr() == ("", "")


def test_nifti_of_four_and_five_axes(tmp_path: Path) -> None:
    data = grid(3, 3, 4, 5, 2)
    read = read_volume(nifti(tmp_path / "a.nii", data))
    assert read.values.shape == (2, 5, 4, 3)
    assert np.array_equal(read.values[1], data[..., 1].T)
    vectors = read_volume(nifti(tmp_path / "b.nii", data[:, :, :, None]))
    assert np.array_equal(vectors.values, read.values)
    five = nifti(tmp_path / "c.nii", grid(3, 3, 4, 5, 2, 2))
    refused(lambda: read_volume(five), "5 axes")


@pytest.mark.parametrize("ending", [".mrc", ".map", ".nii", ".nii.gz"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 1), (1, 2), (3, 2)])
def test_what_is_written_is_read_back(tmp_path: Path, ending: str, shape: tuple[int, int]) -> None:
    volumes = grid(4, *shape, 4, 5, 6)
    affine = np.diag([1.5, 2.0, 2.5, 1.0])
    affine[:3, 3] = [-7, 8, 9]
    unit = "mm" if ".nii" in ending else "angstrom"
    path = tmp_path / f"a{ending}"
    write_volumes(path, volumes, Frame.of(affine, (6, 5, 4), unit))  # type: ignore[arg-type]
    read = read_volume(path)
    wanted = volumes.reshape(-1, 4, 5, 6)
    assert np.array_equal(read.values, wanted[0] if len(wanted) == 1 else wanted)
    assert np.allclose(read.frame.matrix, affine)
    assert (read.frame.dimensions, read.frame.unit) == ((6, 5, 4), unit)
    again = path.read_bytes()
    write_volumes(path, volumes, Frame.of(affine, (6, 5, 4), unit))  # type: ignore[arg-type]
    assert path.read_bytes() == again
    assert list(tmp_path.iterdir()) == [path]


def test_the_formats_libraries_accept_what_is_written(tmp_path: Path) -> None:
    write_volumes(tmp_path / "one.mrc", grid(1)[None, None])
    write_volumes(tmp_path / "many.mrc", grid(1, 4, 1, 3, 4, 5))
    write_volumes(tmp_path / "many.nii", grid(1, 4, 1, 3, 4, 5), Frame.of(AFFINE, (5, 4, 3)))
    for name, group in {"one.mrc": 1, "many.mrc": 401}.items():
        assert mrcfile.validate(tmp_path / name)
        with mrcfile.open(tmp_path / name) as file:
            assert int(file.header.ispg) == group
    with mrcfile.open(tmp_path / "many.mrc") as file:
        assert file.is_volume_stack() and file.data.shape == (4, 3, 4, 5)
    image = nibabel.load(tmp_path / "many.nii")
    assert image.shape == (5, 4, 3, 4)
    assert np.allclose(image.affine, AFFINE)
    assert image.header.get_xyzt_units()[0] == "mm"


def test_units_are_changed_with_the_format(tmp_path: Path) -> None:
    frame = Frame.of(np.diag([2.0, 2, 2, 1]), (5, 4, 3), "angstrom")
    write_volumes(tmp_path / "a.nii", grid(1)[None, None], frame)
    assert np.allclose(read_volume(tmp_path / "a.nii").frame.voxel_sizes, 2e-7, rtol=1e-5)
    frame = Frame.of(np.diag([2.0, 2, 2, 1]), (5, 4, 3), "mm")
    write_volumes(tmp_path / "a.mrc", grid(1)[None, None], frame)
    assert np.allclose(read_volume(tmp_path / "a.mrc").frame.voxel_sizes, 2e7, rtol=1e-5)


def test_a_monoclinic_cell_is_kept_and_a_turned_one_refused(tmp_path: Path) -> None:
    cell = np.array([[1, 0, 0.5, 3], [0, 2, 0, 4], [0, 0, 0.75**0.5, 5], [0, 0, 0, 1]])
    write_volumes(tmp_path / "a.mrc", grid(1)[None, None], Frame.of(cell, (5, 4, 3), "angstrom"))
    assert np.allclose(read_volume(tmp_path / "a.mrc").frame.matrix, cell, atol=1e-5)
    turned = Frame.of(np.diag([-2.0, 2, 2, 1]), (5, 4, 3), "angstrom")
    path = tmp_path / "b.mrc"
    refused(lambda: write_volumes(path, grid(1)[None, None], turned), "mirrored", ".nii")
    assert not path.exists()
    other = tmp_path / "b.txt"
    refused(lambda: write_volumes(other, grid(1)[None, None]), ".mrc, .map, .nii, .nii.gz")


@pytest.mark.parametrize("ending", [".mrc", ".map.gz", ".nii", ".nii.gz"])
def test_damaged_files(tmp_path: Path, ending: str) -> None:
    whole, path = tmp_path / ending[1:4], tmp_path / f"a{ending}"
    source = whole.with_suffix(ending.removesuffix(".gz"))
    write_volumes(source, grid(1)[None, None])
    raw = source.read_bytes()
    kind = "NIfTI" if "nii" in ending else "MRC"
    for content in (b"", b"x", b"no volume at all" * 100, bytes(2000), raw[:100]):
        put(path, content)
        refused(lambda: read_volume(path), str(path))
    refused(lambda: read_volume(put(path, b"no volume at all" * 100)), f"is no {kind} file")
    refused(lambda: read_volume(put(path, raw[:-8])), "cut off")
    path.unlink()
    refused(lambda: read_volume(path), "there is no file")
    path.mkdir()
    refused(lambda: read_volume(path), "is a folder")


def test_a_header_may_not_ask_for_more_memory_than_the_file_has(tmp_path: Path) -> None:
    raw = bytearray(mrc_bytes(grid(1)))
    struct.pack_into("<3i", raw, 0, 60_000, 60_000, 60_000)
    refused(lambda: read_volume(put(tmp_path / "a.mrc", bytes(raw))), "60000", "cut off")
    struct.pack_into("<3i", raw, 0, -5, 4, 3)
    refused(lambda: read_volume(put(tmp_path / "a.mrc", bytes(raw))), "-5")
    raw = bytearray(mrc_bytes(grid(1)))
    struct.pack_into("<i", raw, 92, 2**31 - 1)  # the extended header
    refused(lambda: read_volume(put(tmp_path / "a.mrc", bytes(raw))), "cut off")
    nifti(tmp_path / "a.nii", grid(1))
    raw = bytearray((tmp_path / "a.nii").read_bytes())
    struct.pack_into("<4h", raw, 40, 3, 30_000, 30_000, 30_000)
    refused(lambda: read_volume(put(tmp_path / "a.nii", bytes(raw))), "30000", "cut off")


def test_what_no_volume_may_hold(tmp_path: Path) -> None:
    wild = grid(1)
    wild[1, 2, 3] = np.nan
    path = nifti(tmp_path / "a.nii", wild)
    refused(lambda: read_volume(path), "a.nii", "1 of 60 voxels are NaN, infinite or beyond")
    path = nifti(tmp_path / "b.nii", grid(1).astype(np.complex64))
    refused(lambda: read_volume(path), "complex")
    path = put(tmp_path / "c.mrc", mrc_bytes(grid(1).astype(np.complex64), 4))
    refused(lambda: read_volume(path), "complex")
    raw = bytearray(nifti(tmp_path / "d.nii", grid(1)).read_bytes())
    struct.pack_into("<12f", raw, 280, *np.zeros(12))  # the sform
    refused(lambda: read_volume(put(tmp_path / "d.nii", bytes(raw))), "no inverse")
    path = put(tmp_path / "e.mrc", mrc_bytes(grid(1), axes=(1, 1, 2)))
    refused(lambda: read_volume(path), "[1, 1, 2]")
    path = put(tmp_path / "e.mrc", mrc_bytes(grid(1), cell=(1, 1, 1, 90, 90, 180)))
    refused(lambda: read_volume(path), "no inverse")
    path = put(tmp_path / "e.mrc", mrc_bytes(grid(1), grid=(5, 4, 0), ispg=401))
    refused(lambda: read_volume(path), "no MRC file")
    refused(lambda: read_volume(tmp_path / "f.png"), "legal endings")
    with mrcfile.new(tmp_path / "image.mrc") as file:
        file.set_data(grid(1, 4, 5))
    refused(lambda: read_volume(tmp_path / "image.mrc"), "one image of 4 x 5", "a volume is needed")


def test_a_folder_of_equal_volumes(tmp_path: Path) -> None:
    for seed, name in enumerate(["a/1.mrc", "a/2.nii.gz", "b/1.map"]):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_volumes(tmp_path / name, grid(seed)[None, None])
    put(tmp_path / "readme.txt", b"x")
    put(tmp_path / ".hidden.mrc", b"x")
    data = load(tmp_path)
    assert np.array_equal(data.values[:][:, 0], np.stack([grid(i) for i in range(3)]))
    assert (data.spec.values, data.spec.levels, data.spec.domain) == ("real", None, "volume")
    assert data.labels is not None and data.labels.tolist() == [0, 0, 1]
    assert data.spec.label_names == ("a", "b")
    assert data.groups is None
    left_out, units = data.notes
    assert left_out == "files that are no volumes were left out: 1 (readme.txt)"
    assert "1x1x1 angstrom in a/1.mrc and 1x1x1 mm in a/2.nii.gz" in units


def test_a_stack_is_samples_alone_and_channels_in_a_folder(tmp_path: Path) -> None:
    volumes = grid(1, 2, 3, 3, 4, 5)
    write_volumes(tmp_path / "1.mrc", volumes[:1])
    write_volumes(tmp_path / "2.mrc", volumes[1:])
    assert np.array_equal(load(tmp_path / "1.mrc").values[:], volumes[0][:, None])
    assert np.array_equal(load(tmp_path).values[:], volumes)
    write_volumes(tmp_path / "3.mrc", volumes[:1, :2])
    refused(lambda: load(tmp_path), "2.mrc has 3 channels", "3.mrc 2")


def test_masks_are_binary(tmp_path: Path) -> None:
    for seed in range(2):
        nifti(tmp_path / f"{seed}.nii", (grid(seed) > 0).astype(np.uint8))
    data = load(tmp_path)
    assert (data.spec.values, data.spec.levels) == ("binary", 2)
    assert data.values.dtype == np.uint8
    assert np.array_equal(data.values[0:1][0, 0], (grid(0) > 0).T)
    assert load(tmp_path, size=2, crops=5).spec.values == "binary"


def test_sizes(tmp_path: Path) -> None:
    write_volumes(tmp_path / "1.mrc", grid(1, 1, 1, 6, 8, 10))
    one = load(tmp_path / "1.mrc")
    assert one.values.shape == (1, 1, 6, 8, 10)
    refused(lambda: require_learnable(one), "one volume is one sample", "data.size", "data.crops")
    write_volumes(tmp_path / "2.mrc", grid(2, 1, 1, 6, 9, 10))
    refused(lambda: load(tmp_path), "1.mrc has 6x8x10", "2.mrc 6x9x10", "--set data.size=")
    data = load(tmp_path, size=[2, 4, 6])
    assert np.array_equal(data.values[0:1][0, 0], grid(1, 1, 1, 6, 8, 10)[0, 0, 2:4, 2:6, 2:8])
    assert data.spec.frame is not None
    assert data.spec.frame.dimensions == (6, 4, 2)
    assert data.spec.frame.matrix[:3, 3].tolist() == [2, 2, 2]
    refused(lambda: load(tmp_path, size=7), "1.mrc has 6x8x10", "7x7x7")
    refused(lambda: load(tmp_path, crops=4), "data.crops=4 needs", "data.size")


def test_crops_are_pieces_of_their_volumes(tmp_path: Path) -> None:
    sizes = [(5, 6, 7), (4, 9, 8), (6, 4, 5)]
    volumes = []
    for number, size in enumerate(sizes):
        volumes.append(np.arange(np.prod(size), dtype=np.float32).reshape(size) + 1000 * number)
        write_volumes(tmp_path / "ab"[number % 2] / f"{number}.mrc", volumes[-1][None, None])
    order = [volumes[0], volumes[2], volumes[1]]  # by name: a/0, a/2, b/1
    data = load(tmp_path, size=[3, 4, 2], crops=30, seed=5)
    assert data.values.shape == (30, 1, 3, 4, 2)
    assert data.groups is not None and data.groups.tolist() == [0, 1, 2] * 10
    assert data.labels is not None and data.labels.tolist() == [0, 0, 1] * 10
    for number, crop in enumerate(data.values[:]):
        first = np.argwhere(order[number % 3] == crop[0, 0, 0, 0])[0]
        z, y, x = first
        piece = order[number % 3][z : z + 3, y : y + 4, x : x + 2]
        assert np.array_equal(crop[0], piece)


def test_crops_depend_on_seed_number_and_epoch_alone() -> None:
    volumes = (grid(1, 1, 9, 9, 9), grid(2, 1, 12, 8, 10))
    crops = Crops(volumes, (3, 3, 3), 40, seed=1)
    assert isinstance(crops, Renderer)
    every = crops[:]
    some = np.array([31, 2, 2, 17])
    assert np.array_equal(crops[some], every[some])
    assert np.array_equal(crops.at_epoch(some, 0), every[some])
    assert np.array_equal(crops.at_epoch(some, 3), crops.at_epoch(some, 3))
    assert not np.array_equal(crops.at_epoch(some, 3), every[some])
    assert not np.array_equal(Crops(volumes, (3, 3, 3), 40, seed=2)[:], every)
    longer = Crops(volumes, (3, 3, 3), 80, seed=1)
    assert np.array_equal(longer[:40], every)


def test_every_place_of_a_crop_is_equally_likely() -> None:
    crops = Crops((np.zeros((1, 6, 4, 3), np.float32),), (3, 4, 2), 8000, seed=0)
    corners = crops.corners(np.arange(8000), 0)
    assert (corners[:, 1] == 0).all()
    for axis, places in {0: 4, 2: 2}.items():
        counts = np.bincount(corners[:, axis])
        assert len(counts) == places
        assert np.abs(counts / 8000 - 1 / places).max() < 0.02
    both = np.histogram2d(corners[:, 0], corners[:, 2], bins=(4, 2))[0]
    assert np.abs(both / 8000 - 1 / 8).max() < 0.02


def test_two_volumes_are_not_grouped(tmp_path: Path) -> None:
    for seed in range(2):
        write_volumes(tmp_path / f"{seed}.mrc", grid(seed)[None, None])
    assert load(tmp_path, size=2, crops=10).groups is None


def test_what_is_no_source_of_volumes(tmp_path: Path) -> None:
    refused(lambda: load(tmp_path), "holds no volume files", "holds nothing")
    put(tmp_path / "a.txt", b"x")
    refused(lambda: load(tmp_path), "1 other files, such as a.txt")
    refused(lambda: load(tmp_path / "a.txt"), "legal endings")
    refused(lambda: load(tmp_path / "absent.mrc"), "there is no file")
    refused(lambda: load_volumes(VolumesConfig()), "data.path")
    assert not is_volume(tmp_path)
    assert not is_volume(tmp_path / "a.txt")
    put(tmp_path / "deep" / "a.MAP.gz", b"x")
    assert is_volume(tmp_path) and is_volume(tmp_path / "deep" / "a.MAP.gz")


def test_voxels_of_different_size_are_noted(tmp_path: Path) -> None:
    for size in (1.0, 2.0):
        frame = Frame.of(np.diag([size, size, size, 1]), (5, 4, 3), "angstrom")
        write_volumes(tmp_path / f"{size:g}.mrc", grid(int(size))[None, None], frame)
    (note,) = load(tmp_path).notes
    assert "1x1x1 angstrom in 1.mrc and 2x2x2 angstrom in 2.mrc" in note


def test_volumes_that_lie_mirrored_beside_others_are_noted(tmp_path: Path) -> None:
    nifti(tmp_path / "a.nii", grid(0), np.diag([2, 2, 2, 1]))
    nifti(tmp_path / "b.nii", grid(1), np.diag([2.0, 2, 2, 1]))
    assert load(tmp_path).notes == ()
    nifti(tmp_path / "c.nii", grid(2), np.diag([-2, 2, 2, 1]))
    (note,) = load(tmp_path).notes
    assert "axes run different ways: +x +y +z in a.nii and -x +y +z in c.nii" in note


def test_maps_of_the_electron_microscopy_data_bank(real_data: Path) -> None:
    slanted = read_volume(real_data / "volumes" / "emd_3001.map.gz")
    with mrcfile.open(real_data / "volumes" / "emd_3001.map.gz") as file:
        stored = file.data.copy()  # sections y, rows x, columns z
    assert stored.shape == (25, 43, 73)
    assert np.array_equal(slanted.values, stored.transpose(2, 0, 1))
    assert slanted.frame.dimensions == (43, 25, 73)
    assert np.allclose(slanted.frame.matrix[:3, 3], [-21 * 0.44825, -12 * 0.3925, 0])
    assert slanted.frame.matrix[0, 2] < 0  # beta is 94.3 degrees
    cube = read_volume(real_data / "volumes" / "emd_3197.map.gz")
    assert cube.values.shape == (20, 20, 20)
    assert np.allclose(cube.frame.voxel_sizes, 11.4)
    data = load(real_data / "volumes", size=16, crops=200)
    assert data.spec.shape == (1, 16, 16, 16)
