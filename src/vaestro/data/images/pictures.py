"""Folders and .zip archives of pictures: PNG, JPEG and what else Pillow reads.

Shape letters: N pictures, C channels (1 grey, 3 colour), H height, W width.
"""

import warnings
import zipfile
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from vaestro.data.dataset import DataSet, checked
from vaestro.data.folder_files import folder_files, folder_labels, is_shown, left_out
from vaestro.data.images.picture_files import DAMAGE, PictureFiles, is_picture, picture_files
from vaestro.data.storage import GREY
from vaestro.foundation.config import Config
from vaestro.foundation.errors import DataError, one_line
from vaestro.foundation.samples import ValueKind

if TYPE_CHECKING:
    from PIL.Image import Image

SIXTEEN_BITS = ("I", "I;16", "I;16B", "I;16L", "I;16N")
Side = Annotated[int, Field(ge=1)]
Colour = Literal["auto", "grey", "rgb"]


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
        values = _stacked(_decoded(files, config), config.colour)
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
        notes=left_out(files.others, "pictures"),
    )


def is_picture_folder(path: Path) -> bool:
    """Whether the folder at `path`, or one in it, holds a picture."""
    return path.is_dir() and any(map(is_picture, folder_files(path)))


def is_picture_zip(path: Path) -> bool:
    """Whether `path` is a readable .zip with a picture in it."""
    if path.suffix.lower() != ".zip" or not path.is_file():
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return any(is_picture(name) and is_shown(name) for name in archive.namelist())
    except (OSError, *DAMAGE):
        return False


def _decoded(files: PictureFiles, config: PicturesConfig) -> list[np.ndarray]:
    """Every picture as (H, W) or (H, W, 3), bytes, or 16-bit greys as float32 in [0, 1]."""
    from PIL.Image import DecompressionBombWarning

    pictures: list[np.ndarray] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks on odd headers
        warnings.simplefilter("error", DecompressionBombWarning)
        for name in files.names:
            pictures.append(_picture(files, name, config))
            if pictures[-1].shape[:2] != pictures[0].shape[:2]:
                (h, w), (high, wide) = pictures[0].shape[:2], pictures[-1].shape[:2]
                raise DataError(
                    f"{files.path}: {files.names[0]} is {h}x{w} and {name} is {high}x{wide} "
                    "(height x width); resize all with --set data.size=28 (or [height,width])"
                )
    return pictures


def _picture(files: PictureFiles, name: str, config: PicturesConfig) -> np.ndarray:
    from PIL import Image

    raw = files.read(name)
    try:
        with Image.open(BytesIO(raw)) as file:
            return _pixels(file, config.size, config.colour)
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


def _pixels(file: "Image", size: tuple[int, int] | int | None, colour: Colour) -> np.ndarray:
    """The upright picture on white, in its size; coloured ones lose their channels if they are
    grey or are to be (ITU-R 601 luma). Resizing is bilinear over the area, which never overshoots.
    """
    from PIL import Image, ImageOps

    picture: Image.Image = ImageOps.exif_transpose(file)
    sixteen = picture.mode in SIXTEEN_BITS
    if sixteen:
        picture = Image.fromarray(_sixteen_bits(np.asarray(picture)))
    elif picture.mode == "F":
        raise ValueError("its numbers are floats without a range; give it as .npy")
    elif picture.has_transparency_data:
        layer = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    if not sixteen:
        picture = picture.convert("L" if picture.mode in ("1", "L") else "RGB")
        if colour == "grey" or (picture.mode == "RGB" and _is_grey(np.asarray(picture))):
            picture = picture.convert("L")
    if size is not None:
        height, width = (size, size) if isinstance(size, int) else size
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    return np.array(picture)


def _sixteen_bits(array: np.ndarray) -> np.ndarray:
    if array.min() < 0 or array.max() > 65535:
        raise ValueError("its greys have more than 16 bits; give it as .npy")
    return array.astype(np.float32) / np.float32(65535)


def _is_grey(array: np.ndarray) -> bool:
    first = array[..., :1]
    return bool((array == first).all())


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
