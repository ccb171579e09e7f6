"""Folders and archives of pictures: what is read, how it is kept, and what is refused."""

import io
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vaestro.data.dataset import DataSet
from vaestro.data.images.pictures import (
    PicturesConfig,
    is_picture_file,
    is_picture_folder,
    load_pictures,
)
from vaestro.data.recognise import guess_source
from vaestro.foundation.errors import DataError, RecipeError


def load(path: Path, **fields: object) -> DataSet:
    return load_pictures(PicturesConfig.parse({"path": str(path), **fields}))


def greys(seed: int, height: int = 5, width: int = 7) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)


def save(path: Path, array: np.ndarray, mode: str | None = None, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(array)
    (picture if mode is None else picture.convert(mode)).save(path, **options)
    return path


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def png(array: np.ndarray) -> bytes:
    held = io.BytesIO()
    Image.fromarray(array).save(held, "PNG")
    return held.getvalue()


def refused(path: Path, *parts: str, **fields: object) -> None:
    with pytest.raises(DataError) as fault:
        load(path, **fields)
    text = str(fault.value)
    assert "\n" not in text
    for part in parts:
        assert part in text, text


def test_greys_in_sorted_order_with_folders_as_labels(tmp_path: Path) -> None:
    save(tmp_path / "b" / "1.png", greys(3))
    save(tmp_path / "a" / "2.png", greys(2))
    save(tmp_path / "a" / "1.bmp", greys(1))
    data = load(tmp_path)
    assert data.values[:].tolist() == [[greys(i).tolist()] for i in (1, 2, 3)]
    assert data.values.dtype == np.uint8
    assert (data.spec.values, data.spec.scale, data.spec.levels) == ("unit", 1 / 255, 256)
    assert data.labels is not None and data.labels.tolist() == [0, 0, 1]
    assert data.spec.label_names == ("a", "b")
    assert load(tmp_path, labels="none").labels is None


def test_labels_are_named_below_the_folder_that_holds_all(tmp_path: Path) -> None:
    for seed, name in enumerate(["top/x/one/1.png", "top/x/two/1.png", "top/y/1.png"]):
        save(tmp_path / name, greys(seed))
    assert load(tmp_path).spec.label_names == ("x/one", "x/two", "y")
    assert load(tmp_path / "top" / "x").spec.label_names == ("one", "two")
    assert load(tmp_path / "top").spec.label_names == ("x/one", "x/two", "y")


def test_pictures_beside_folders_get_a_label_of_their_own(tmp_path: Path) -> None:
    save(tmp_path / "1.png", greys(0))
    save(tmp_path / "a" / "1.png", greys(1))
    assert load(tmp_path).spec.label_names == (".", "a")


def test_one_folder_gives_no_labels(tmp_path: Path) -> None:
    for i in range(2):
        save(tmp_path / "only" / f"{i}.png", greys(i))
    data = load(tmp_path)
    assert data.labels is None and data.spec.label_names is None


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "P"])
def test_black_and_white_is_binary_whatever_the_file_says(tmp_path: Path, mode: str) -> None:
    wanted = []
    for i in range(3):
        wanted.append(greys(i) > 127)
        save(tmp_path / f"{i}.png", wanted[-1].astype(np.uint8) * 255, mode)
    data = load(tmp_path)
    assert (data.spec.values, data.spec.scale, data.spec.levels) == ("binary", 1.0, 2)
    assert data.values.dtype == np.uint8
    assert np.array_equal(data.values[:, 0] == 1, np.stack(wanted))
    assert set(np.unique(data.values[:])) == {0, 1}
    assert np.array_equal(load(tmp_path, invert=True).values[:], 1 - data.values[:])


def test_colour_makes_every_picture_rgb_unless_grey_is_asked_for(tmp_path: Path) -> None:
    colours = np.stack([greys(1), greys(2), greys(3)], -1)
    save(tmp_path / "1.png", greys(0))
    save(tmp_path / "2.png", colours)
    data = load(tmp_path)
    assert data.spec.shape == (3, 5, 7)
    assert np.array_equal(data.values[0:1][0], np.stack([greys(0)] * 3))
    assert np.array_equal(data.values[1:2][0], colours.transpose(2, 0, 1))
    grey = load(tmp_path, colour="grey")
    luma = colours @ [0.299, 0.587, 0.114]
    assert grey.spec.shape == (1, 5, 7)
    assert np.abs(grey.values[1:2][0, 0].astype(float) - luma).max() <= 1


def test_grey_pictures_kept_as_rgb_are_one_channel_until_rgb_is_asked_for(tmp_path: Path) -> None:
    for i in range(2):
        save(tmp_path / f"{i}.png", greys(i), "RGB")
    assert load(tmp_path).spec.shape == (1, 5, 7)
    assert load(tmp_path, colour="rgb").spec.shape == (3, 5, 7)


def test_transparent_pictures_lie_on_white(tmp_path: Path) -> None:
    for name, alpha in {"1": 0, "2": 255}.items():
        layer = np.dstack([greys(4), np.full((5, 7), alpha, np.uint8)])
        save(tmp_path / f"{name}.png", layer)
    palette = Image.fromarray(np.eye(5, 7, dtype=np.uint8))
    palette.putpalette([0, 0, 0, 80, 80, 80])
    palette.save(tmp_path / "3.png", transparency=0)
    data = load(tmp_path)
    values = data.values[:]
    assert (values[0] == 255).all()
    assert np.array_equal(values[1, 0], greys(4))
    assert np.array_equal(values[2, 0], np.where(np.eye(5, 7) == 1, 80, 255))
    (note,) = data.notes
    assert note.startswith(
        "2 of 3 pictures are transparent in places, such as 1.png, and were laid"
    )


def test_pictures_without_a_transparent_place_are_no_news(tmp_path: Path) -> None:
    save(tmp_path / "1.png", np.dstack([greys(4), np.full((5, 7), 255, np.uint8)]))
    save(tmp_path / "2.png", greys(5))
    assert load(tmp_path).notes == ()


def test_sixteen_bits_are_kept(tmp_path: Path) -> None:
    deep = np.arange(35, dtype=np.uint16).reshape(5, 7) * 1800
    save(tmp_path / "1.png", deep)
    save(tmp_path / "2.tif", deep[::-1].copy())
    save(tmp_path / "3.png", greys(0))
    data = load(tmp_path)
    assert data.values.dtype == np.float32
    assert (data.spec.values, data.spec.scale, data.spec.levels) == ("unit", 1.0, None)
    assert np.allclose(data.values[0:1][0, 0], deep / 65535, atol=1e-7)
    assert np.allclose(data.values[1:2][0, 0], deep[::-1] / 65535, atol=1e-7)
    assert np.allclose(data.values[2:3][0, 0], greys(0) / 255, atol=1e-7)
    turned = load(tmp_path, invert=True).values[:]
    assert np.allclose(turned, 1 - data.values[:], atol=1e-7)


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: the first row is the right side
    save(tmp_path / "1.png", greys(1), exif=exif)
    save(tmp_path / "2.png", np.rot90(greys(2), -1).copy())
    assert np.array_equal(load(tmp_path).values[0:1][0, 0], np.rot90(greys(1), -1))


def test_sizes(tmp_path: Path) -> None:
    save(tmp_path / "1.png", greys(1, 5, 7))
    save(tmp_path / "2.png", greys(2, 8, 6))
    refused(tmp_path, "1.png is 5x7", "2.png is 8x6", "--set data.size=28")
    assert load(tmp_path, size=4).spec.shape == (1, 4, 4)
    assert load(tmp_path, size=[3, 9]).spec.shape == (1, 3, 9)
    flat = np.full((9, 9), 200, np.uint8)
    save(tmp_path / "1.png", flat)
    assert (load(tmp_path, size=3).values[0:1] == 200).all()
    with pytest.raises(RecipeError, match="size"):
        load(tmp_path, size=0)


def test_an_archive_reads_as_its_folder(tmp_path: Path) -> None:
    files = {f"{label}/{i}.png": png(greys(i)) for i, label in enumerate("aab")}
    for name, content in files.items():
        target = tmp_path / "folder" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    extra = {"__MACOSX/a/._0.png": b"", "a/.DS_Store": b"x", "a/.hidden.png": b"", "readme": b"r"}
    whole = zipped(tmp_path / "whole.zip", dict(reversed((files | extra).items())))
    folder, archive = load(tmp_path / "folder"), load(whole)
    assert np.array_equal(folder.values[:], archive.values[:])
    assert folder.labels is not None and archive.labels is not None
    assert folder.labels.tolist() == archive.labels.tolist()
    assert archive.notes == ("files that are no pictures were left out: 1 (readme)",)
    assert folder.notes == ()


def test_what_is_no_source_of_pictures(tmp_path: Path) -> None:
    refused(tmp_path, "holds no pictures", "is empty")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "more.txt").write_text("x")
    (tmp_path / "table.csv").write_text("x")
    refused(tmp_path, "2 .txt, 1 .csv")
    refused(tmp_path / "absent", "does not exist")
    refused(save(tmp_path / "p.png", greys(0)), "is one file", "folder or a .zip")
    with pytest.raises(DataError, match=r"data\.path"):
        load_pictures(PicturesConfig())


def test_damaged_files_are_named(tmp_path: Path) -> None:
    save(tmp_path / "1.png", greys(0))
    good = png(greys(1, 40, 40))
    broken = {"2.png": good[: len(good) // 2], "3.png": b"", "4.png": b"garbage" * 9, "5.jpg": good}
    for name, content in broken.items():
        (tmp_path / name).write_bytes(content)
        if name != "5.jpg":  # a PNG under another name is still a picture
            refused(tmp_path, name, "cannot be read")
            with pytest.raises(DataError, match=r"cannot be read \((?!.*0x)"):  # no address
                load(tmp_path)
            (tmp_path / name).unlink()
    refused(tmp_path, "5.jpg is 40x40")


def test_damaged_archives(tmp_path: Path) -> None:
    files = {"1.png": png(greys(0)), "2.png": png(greys(1))}
    whole = zipped(tmp_path / "whole.zip", files).read_bytes()
    cut = tmp_path / "cut.zip"
    cut.write_bytes(whole[:-30])
    refused(cut, "cut off")
    assert guess_source(cut).kind == "pictures"  # so that people are told just that
    needed = whole.index(b"PK\x01\x02") + 6  # the version that reading it takes
    cut.write_bytes(whole[:needed] + b"\xff\0" + whole[needed + 2 :])
    refused(cut, "zip")
    (tmp_path / "empty.zip").write_bytes(b"")
    refused(tmp_path / "empty.zip", "cut off")
    refused(zipped(tmp_path / "none.zip", {}), "is empty")
    start = whole.index(b"IDAT") + 6
    (tmp_path / "bits.zip").write_bytes(whole[:start] + b"\0\0\0" + whole[start + 3 :])
    refused(tmp_path / "bits.zip", "1.png cannot be unpacked")


def test_a_picture_that_claims_to_be_huge_is_not_opened(tmp_path: Path) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content))
            + kind
            + content
            + struct.pack(">I", zlib.crc32(kind + content))
        )

    save(tmp_path / "1.png", greys(0))
    for side in (12_000, 60_000):  # Pillow warns of the first and refuses the second
        header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
        content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IEND", b"")
        (tmp_path / "2.png").write_bytes(content)
        refused(tmp_path, "2.png", "more than", "pixels")


def test_sources_are_told_by_what_they_hold(tmp_path: Path) -> None:
    save(tmp_path / "deep" / "er" / "1.PNG", greys(0), None)
    (tmp_path / "bare").mkdir()
    assert is_picture_folder(tmp_path)
    assert not is_picture_folder(tmp_path / "bare")
    assert not is_picture_folder(tmp_path / "deep" / "er" / "1.PNG")
    assert is_picture_file(zipped(tmp_path / "a.zip", {"x/1.jpg": b""}))
    assert not is_picture_file(tmp_path)
    assert guess_source(tmp_path / "deep" / "er" / "1.PNG").kind == "pictures"
    refused(zipped(tmp_path / "b.zip", {"x/1.txt": b"", "__MACOSX/1.jpg": b""}), "1 .txt")


def test_the_first_of_several_frames_is_taken_and_that_is_said(tmp_path: Path) -> None:
    first, *others = (Image.fromarray(greys(seed)) for seed in range(3))
    first.save(tmp_path / "stack.tif", save_all=True, append_images=others)
    save(tmp_path / "z.png", greys(7))
    data = load(tmp_path)
    assert np.array_equal(data.values[0, 0], greys(0))
    (note,) = data.notes
    assert "1 files hold several pictures, such as stack.tif with 3, and only the first" in note


def test_a_link_to_nothing_is_no_picture_less(tmp_path: Path) -> None:
    save(tmp_path / "a.png", greys(0))
    (tmp_path / "b.png").symlink_to("moved/away.png")
    refused(tmp_path, "b.png is a link to moved/away.png, which does not exist")


def test_omniglot(real_data: Path) -> None:
    path = real_data / "omniglot" / "images_background_small1.zip"
    data = load(path)
    assert data.values.shape == (2720, 1, 105, 105)
    assert (data.spec.values, data.spec.levels) == ("binary", 2)
    assert data.spec.label_names is not None and data.labels is not None
    assert len(data.spec.label_names) == 136
    assert data.spec.label_names[0] == "Balinese/character01"
    assert np.bincount(data.labels).tolist() == [20] * 136
    assert data.values[:].mean() > 0.9  # ink is black on white paper
    small = load(path, size=28, invert=True)
    assert small.spec.shape == (1, 28, 28) and small.spec.values == "unit"
    assert small.natural(slice(None)).mean() < 0.1
