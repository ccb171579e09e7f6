"""One opened picture as numbers.

Shape letters: H height, W width.
"""

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

SIXTEEN_BITS = ("I", "I;16", "I;16B", "I;16L", "I;16N")
Colour = Literal["auto", "grey", "rgb"]


def pixels_of(file: "Image", size: tuple[int, int] | int | None, colour: Colour) -> np.ndarray:
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


def is_transparent(file: "Image") -> bool:
    """Whether some of the picture lets through the white that `pixels_of` lays it on."""
    if file.mode in SIXTEEN_BITS or not file.has_transparency_data:
        return False
    return bool(np.asarray(file.convert("RGBA").getchannel("A")).min() < 255)


def _sixteen_bits(array: np.ndarray) -> np.ndarray:
    if array.min() < 0 or array.max() > 65535:
        raise ValueError("its greys have more than 16 bits; give it as .npy")
    return array.astype(np.float32) / np.float32(65535)


def _is_grey(array: np.ndarray) -> bool:
    first = array[..., :1]
    return bool((array == first).all())
