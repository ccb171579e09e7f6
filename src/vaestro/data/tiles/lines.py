"""A vector as a line over its element numbers. Letters: F features, C channels, L length."""

import numpy as np

from vaestro.data.tiles.look import Picture

HEIGHT, WIDTH, OVERSAMPLING = 84, 132, 3
INKS = ((0.07, 0.36, 0.42), (0.80, 0.40, 0.13), (0.45, 0.33, 0.62), (0.35, 0.47, 0.15))
PAPER = (0.965, 0.962, 0.95)


def lines(sample: Picture) -> Picture:
    """(F,) or (C, L), from 0 (bottom) to 1 (top) -> one line a channel, drawn large and averaged
    down."""
    channels = sample[None] if sample.ndim == 1 else sample
    height, width = HEIGHT * OVERSAMPLING, WIDTH * OVERSAMPLING
    sheet = np.empty((height, width, 3))
    sheet[:] = PAPER
    for place, channel in enumerate(channels):
        _draw(sheet, channel, INKS[place % len(INKS)])
    offsets = [(y, x) for y in range(OVERSAMPLING) for x in range(OVERSAMPLING)]
    smooth: Picture = np.mean([sheet[y::OVERSAMPLING, x::OVERSAMPLING] for y, x in offsets], axis=0)
    return smooth


def _draw(sheet: Picture, heights: Picture, ink: tuple[float, float, float]) -> None:
    """Draw heights (L,) from 0 (bottom) to 1 (top) across the sheet, two final pixels thick."""
    height, width, _ = sheet.shape
    places = np.linspace(0, len(heights) - 1, width + 1)
    thick = 2 * OVERSAMPLING
    y = (1 - np.interp(places, np.arange(len(heights)), heights)) * (height - 1 - thick)
    top = np.floor(np.minimum(y[:-1], y[1:])).astype(int)
    bottom = np.ceil(np.maximum(y[:-1], y[1:])).astype(int) + thick
    rows = np.arange(height)[:, None]
    sheet[(rows >= top) & (rows <= bottom)] = ink
