"""Pictures brought to a size that is easy to look at, without a pixel being smeared."""

from vaestro.data.tiles.look import Picture

LARGEST = 96
"""Pixels: a higher picture is averaged down to at most this many."""
SHARP = 96
"""Pixels: a smaller picture is magnified by a whole number to about this many."""


def reduced(picture: Picture) -> Picture:
    """At most LARGEST pixels high, by averaging whole blocks (a rest at the edge is cut)."""
    factor = -(-picture.shape[0] // LARGEST)
    if factor == 1:
        return picture
    height, width = (size // factor for size in picture.shape[:2])
    cut = picture[: height * factor, : width * factor]
    blocks: Picture = cut.reshape(height, factor, width, factor, 3).mean((1, 3))
    return blocks


def magnified(picture: Picture) -> Picture:
    """Whole-number magnification, so that every data pixel stays a sharp square."""
    factor = max(1, round(SHARP / max(picture.shape[:2])))
    return picture.repeat(factor, 0).repeat(factor, 1)
