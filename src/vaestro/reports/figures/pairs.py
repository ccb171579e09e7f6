"""Originals over their reconstructions, for training and held-out data."""

from dataclasses import dataclass

from matplotlib.figure import Figure

from vaestro.data.tiles.look import Look
from vaestro.reports.facts import SPLITS, RunFacts
from vaestro.reports.figures import style
from vaestro.reports.figures.mosaic import (
    columns_for,
    grid_height,
    place_samples,
    samples_in,
)
from vaestro.reports.run_files import Array

TITLES = {"train": "Training data", "validation": "Held-out data"}
HEAD, MARGIN, BETWEEN, APART = 30, 26, 14, 28
"""CSS pixels: over a block, for the letters at its left, between pairs of rows, between blocks."""
MOST_PAIRS = {"image": 16, "volume": 6, "lines": 8, "curves": 10}


@dataclass(frozen=True)
class Pairs:
    """Originals and reconstructions of one split, both (S, *), and what each row is called."""

    title: str
    originals: Array
    reconstructions: Array
    letters: tuple[str, str] = ("x", "x̂")


def pairs(facts: RunFacts, look: Look) -> list[Pairs]:
    """What the run kept: training and held-out pairs, either or none."""
    found = []
    for split in SPLITS:
        above = samples_in(facts, f"{split}_original")
        below = samples_in(facts, f"{split}_reconstruction")
        if above is not None and below is not None and above.shape[1:] == below.shape[1:]:
            count = min(len(above), len(below), MOST_PAIRS[look.kind])
            found.append(Pairs(TITLES[split], above[:count], below[:count]))
    return found


def draw_pairs(found: list[Pairs], look: Look, width: int) -> Figure:
    """Blocks side by side on a wide sheet, one under another on a narrow one."""
    beside = width > 500
    block = (width - APART * (len(found) - 1)) / len(found) if beside else float(width)
    heights = [_height(each, look, block) for each in found]
    total = max(heights) if beside else sum(heights) + APART * (len(found) - 1)
    sheet = style.Sheet(width, total)
    left = top = 0.0
    for each, height in zip(found, heights, strict=True):
        _draw(sheet, each, look, (left, top, block))
        left, top = (left + block + APART, top) if beside else (left, top + height + APART)
    return sheet.figure


def _bands(each: Pairs, look: Look, width: float) -> tuple[int, int, float]:
    """Columns, pairs of rows, and the height of one row of tiles in CSS pixels."""
    columns = columns_for(look, len(each.originals), width - MARGIN)
    bands = -(-len(each.originals) // columns)
    return columns, bands, grid_height(each.originals[:columns], look, width - MARGIN, columns)


def _height(each: Pairs, look: Look, width: float) -> float:
    _, bands, row = _bands(each, look, width)
    return HEAD + bands * (2 * row + 4) + (bands - 1) * BETWEEN


def _draw(sheet: style.Sheet, each: Pairs, look: Look, box: tuple[float, float, float]) -> None:
    left, top, width = box
    columns, bands, row = _bands(each, look, width)
    sheet.write(left + MARGIN, top, each.title, 13.5, color=style.INK, fontweight="bold")
    for band in range(bands):
        chosen = slice(band * columns, (band + 1) * columns)
        line = top + HEAD + band * (2 * row + 4 + BETWEEN)
        stacks = (each.originals[chosen], each.reconstructions[chosen])
        for letter, stack in zip(each.letters, stacks, strict=True):
            used = (width - MARGIN) * _share(stack, look, columns)
            place_samples(sheet, stack, look, (left + MARGIN, line, used), len(stack))
            sheet.write(left + MARGIN / 2, line + row / 2, letter, 13, va="center", ha="center")
            line += row + 4


def _share(stack: Array, look: Look, columns: int) -> float:
    """The part of the full row's width that a last, shorter row takes."""
    if len(stack) == columns:
        return 1.0
    return grid_height(stack[:1], look, 1.0, columns) / grid_height(
        stack[:1], look, 1.0, len(stack)
    )
