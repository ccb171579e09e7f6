"""Pictures of many models in one sheet: a row for each model, groups of pictures beside each other.

Shape letters: N pictures, H height, W width.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from vaestro.reports.figures import style

Pictures = np.ndarray[Any, np.dtype[np.floating[Any]]]
"""(N, 1, H, W) greys in [0, 1]."""

LETTER, APART, TOP, BETWEEN = 6.6, 14, 26, 3
"""CSS pixels: of a letter of a name, between groups, for the heads, between rows."""


def atlas(
    rows: Mapping[str, Sequence[Pictures]], heads: Sequence[str], width: int = style.WIDE
) -> Figure:
    """A named row for each model, in it one group of pictures under each of `heads`."""
    counts = [len(group) for group in next(iter(rows.values()))]
    names = round(LETTER * max(map(len, rows))) + 14
    side = (width - names - APART * (len(counts) - 1)) / sum(counts)
    sheet = style.Sheet(width, TOP + len(rows) * (side + BETWEEN))
    lefts = _lefts(counts, side, names)
    for head, left in zip(heads, lefts, strict=True):
        sheet.write(left, 4, head, 12.5, color=style.INK, fontweight="bold")
    for number, (name, groups) in enumerate(rows.items()):
        top = TOP + number * (side + BETWEEN)
        sheet.write(names - 10, top + side / 2, name, 11.5, va="center", ha="right")
        for left, group in zip(lefts, groups, strict=True):
            strip = np.concatenate([picture[0] for picture in group], axis=1)
            axes = sheet.axes(left, top, side * len(group), side)
            style.picture(axes, np.clip(strip, 0, 1)[..., None].repeat(3, axis=-1))
    return sheet.figure


def _lefts(counts: Sequence[int], side: float, names: int) -> list[float]:
    lefts, left = [], float(names)
    for count in counts:
        lefts.append(left)
        left += count * side + APART
    return lefts
