"""Folders and .zip archives of pictures: PNG, JPEG and what else Pillow reads.

Shape letters: N pictures, C channels (1 grey, 3 colour), H height, W width.
"""

import warnings
from io import BytesIO
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np
from pydantic import Field

from vaestro.data.dataset import DataSet, checked
from vaestro.data.folder_files import folder_files, folder_labels, left_out
from vaestro.data.images.picture_files import PictureFiles, is_picture, picture_files
from vaestro.data.images.pixels import Colour, is_transparent, pixels_of
from vaestro.data.storage import GREY
from vaestro.foundation.config import Config
from vaestro.foundation.errors import DataError, one_line
from vaestro.foundation.samples import ValueKind

Side = Annotated[int, Field(ge=1)]


class PicturesConfig(Config):
    """`path`: a folder (searched to its depth) or a .zip of pictures. `size`: the height and width
    (one number: both) that every picture is resized to; None: all are equal already. `colour`: auto
    is rgb if any picture is coloured. `labels`: the folder that holds a picture, or none.
    `invert`: white becomes black.
    """

    kind: Literal["pictures"] = "pictures"
    path: str | None = None
    size: tuple[Side, Side] | Side | None = None
    colour: Colour = "auto"
    labels: Literal["folder", "none"] = "folder"
    invert: bool = False


def load_pictures(config: PicturesConfig) -> DataSet:
    """The pictures as bytes (N, C, H, W), shown in [0, 1], in the order of their names.

    Pictures of black and white alone are binary; 16-bit greys are float32 in [0, 1]; transparent
    ones lie on white; the EXIF orientation is applied. Raises DataError in one line for a missing
    path, none or damaged pictures, and unequal sizes without `size`.
    """
    if config.path is None:
        raise DataError(
            "this recipe needs data.path: a folder or a .zip of pictures; give "
            "--set data.path=FOLDER"
        )
    with picture_files(Path(config.path)) as files:
        pictures = _decoded(files, config)
    values = _stacked([picture.pixels for picture in pictures], config.colour)
    if config.invert:
        values = (255 if values.dtype == np.uint8 else np.float32(1)) - values
    kind, scale, levels = _meaning(values)
    labels, called = folder_labels(files.names) if config.labels == "folder" else (None, None)
    return checked(
        files.path.resolve().name,
        values // 255 if kind == "binary" else values,
        kind,
        scale=scale,
        levels=levels,
        labels=labels,
        label_names=called,
        notes=(
            *left_out(files.others, "pictures"),
            *_first_frames(files, pictures),
            *_on_white(files, pictures),
        ),
    )


def is_picture_folder(path: Path) -> bool:
    """Whether the folder at `path`, or one in it, holds a picture."""
    return path.is_dir() and any(map(is_picture, folder_files(path)))


def is_picture_file(path: Path) -> bool:
    """Whether `path` is named as a .zip, of which only those with pictures are read, or as one
    picture, which is too few: `load_pictures` says what is wrong with either."""
    return path.is_file() and (path.suffix.lower() == ".zip" or is_picture(path.name))


class Picture(NamedTuple):
    """pixels: (H, W) or (H, W, 3), bytes, or 16-bit greys as float32 in [0, 1]; frames: how many
    the file has, of which these are the first; transparent: whether white shows through."""

    pixels: np.ndarray
    frames: int
    transparent: bool


def _first_frames(files: PictureFiles, pictures: list[Picture]) -> tuple[str, ...]:
    """A note about animations and stacks of pages, of which only the first is taken."""
    several = [(n, p.frames) for n, p in zip(files.names, pictures, strict=True) if p.frames > 1]
    if not several:
        return ()
    name, frames = several[0]
    return (
        f"{len(several)} files hold several pictures, such as {name} with {frames}, and only the "
        "first of each was taken; give each a file of its own, or the stack as .npy",
    )


def _on_white(files: PictureFiles, pictures: list[Picture]) -> tuple[str, ...]:
    """A note about pictures whose transparent places became white, or lighter."""
    clear = [name for name, p in zip(files.names, pictures, strict=True) if p.transparent]
    if not clear:
        return ()
    return (
        f"{len(clear)} of {len(pictures)} pictures are transparent in places, such as {clear[0]}, "
        "and were laid on white; lay them on another colour first if it is to be one",
    )


def _decoded(files: PictureFiles, config: PicturesConfig) -> list[Picture]:
    """Every picture."""
    from PIL.Image import DecompressionBombWarning

    pictures: list[Picture] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks on odd headers
        warnings.simplefilter("error", DecompressionBombWarning)
        for name in files.names:
            pictures.append(_picture(files, name, config))
            (h, w), (high, wide) = (p.pixels.shape[:2] for p in (pictures[0], pictures[-1]))
            if (h, w) != (high, wide):
                raise DataError(
                    f"{files.path}: {files.names[0]} is {h}x{w} and {name} is {high}x{wide} "
                    "(height x width); resize all with --set data.size=28 (or [height,width])"
                )
    return pictures


def _picture(files: PictureFiles, name: str, config: PicturesConfig) -> Picture:
    from PIL import Image, UnidentifiedImageError

    raw = files.read(name)
    try:
        with Image.open(BytesIO(raw)) as file:
            frames = int(getattr(file, "n_frames", 1))
            pixels = pixels_of(file, config.size, config.colour)
            return Picture(pixels, frames, is_transparent(file))
    except UnidentifiedImageError:  # its message is the address of a buffer
        what = "it is no picture, whatever its ending says" if raw else "it is empty"
        raise DataError(
            f"{files.path}: {name} cannot be read ({what}); repair it or leave it out"
        ) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise DataError(
            f"{files.path}: {name} says it has more than {Image.MAX_IMAGE_PIXELS or 0:,} "
            "pixels and is not opened; make it smaller or leave it out"
        ) from None
    except Exception as fault:  # decoders raise whatever a damaged file leads them to
        raise DataError(
            f"{files.path}: {name} cannot be read ({one_line(str(fault))}); "
            "repair it or leave it out"
        ) from None


def _stacked(pictures: list[np.ndarray], colour: Colour) -> np.ndarray:
    """(N, C, H, W); float32 if any picture is; three channels if asked for or any has them."""
    wide = colour == "rgb" or any(picture.ndim == 3 for picture in pictures)
    exact = any(picture.dtype != np.uint8 for picture in pictures)
    shape = (len(pictures), 3 if wide else 1, *pictures[0].shape[:2])
    values = np.empty(shape, np.float32 if exact else np.uint8)
    for row, picture in zip(values, pictures, strict=True):
        row[:] = picture if picture.ndim == 2 else picture.transpose(2, 0, 1)
        if exact and picture.dtype == np.uint8:
            row /= 255
    return values


def _meaning(values: np.ndarray) -> tuple[ValueKind, float, int | None]:
    """Kind, scale and levels: binary when every byte is 0 or 255, else greys."""
    if values.dtype != np.uint8:
        return "unit", 1.0, None
    first_then_all = (values[:20], values)  # the first pictures settle it for most sets
    if all(bool(((x == 0) | (x == 255)).all()) for x in first_then_all):
        return "binary", 1.0, 2
    return "unit", GREY, 256
