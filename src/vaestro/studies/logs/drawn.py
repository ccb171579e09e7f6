"""Figures of a log's study as PNG files that a repository can keep."""

import io
from typing import TYPE_CHECKING

from PIL import Image

from vaestro.reports.figures.render import to_png

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_BYTES = 120_000
COLOURS = 128
SHRINK = 0.75


def small_png(figure: "Figure") -> bytes:
    """The figure as a PNG of at most MOST_BYTES: in a palette where it is larger, and then smaller
    and smaller."""
    made = to_png(figure)
    if len(made) <= MOST_BYTES:
        return made
    picture = Image.open(io.BytesIO(made)).convert("RGB")
    made = _in_palette(picture)
    while len(made) > MOST_BYTES:
        size = (round(picture.width * SHRINK), round(picture.height * SHRINK))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
        made = _in_palette(picture)
    return made


def _in_palette(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
