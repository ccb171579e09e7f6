"""Names at the left of a picture's rows."""

import numpy as np

SIZE, MARGIN = 13, 8
"""Pixels: of the letters, and between a name and its row."""


def named(sheet: np.ndarray, names: list[str]) -> np.ndarray:
    """A picture of bytes (height, width, 1 or 3) with R names, one for each of R rows of equal
    height, on white at its left; a name may have several lines."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(SIZE)
    pen = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    wide = max(int(pen.multiline_textbbox((0, 0), name, font)[2]) for name in names) + 2 * MARGIN
    row = sheet.shape[0] / len(names)
    margin = Image.new("RGB", (wide, sheet.shape[0]), (255, 255, 255))
    pen = ImageDraw.Draw(margin)
    for place, name in enumerate(names):
        middle = (wide - MARGIN, row * (place + 0.5))
        pen.multiline_text(middle, name, (40, 40, 40), font, anchor="rm", align="right")
    colours = sheet.repeat(3, 2) if sheet.shape[2] == 1 else sheet
    return np.concatenate([np.asarray(margin), colours], axis=1)
