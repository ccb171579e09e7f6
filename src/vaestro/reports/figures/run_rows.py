"""Reconstructions and samples of several runs, a row for each.

Letters: S samples; * the axes of one sample.
"""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from vaestro.data.tiles.look import Look
from vaestro.foundation.errors import RunFolderError
from vaestro.reports.facts import RunFacts, read_facts
from vaestro.reports.figures import style
from vaestro.reports.figures.mosaic import grid_height, place_samples, run_look, samples_in
from vaestro.reports.figures.pairs import TITLES
from vaestro.reports.run_files import Array

LINE, HEAD, BETWEEN, APART, LETTER = 17, 20, 14, 20, 6.3
"""CSS pixels: a line of text, over a column, between rows, between columns, a letter."""


@dataclass(frozen=True)
class Row:
    """A run's words and pictures; each array is (S, *), `originals` those that the
    reconstructions are of."""

    title: str
    setting: str
    look: Look
    originals: Array | None
    reconstructions: Array | None
    samples: Array | None


def row_of(run: Path, title: str, setting: str) -> Row | None:
    """The row of a run folder; None where it is none, or holds no pictures."""
    try:
        facts = read_facts(run)
    except (RunFolderError, OSError):
        return None
    look = run_look(facts)
    if look is None:
        return None
    return Row(
        title,
        setting,
        look,
        _first(facts, "validation_original", look),
        _first(facts, "validation_reconstruction", look),
        _first(facts, "samples", look),
    )


def without_repeats(found: Sequence[Row]) -> Iterator[Row]:
    """Originals stand only over the first of the rows that reconstruct the same ones, and these
    have one look."""
    before: Row | None = None
    for row in found:
        same = before is not None and _equal(before.originals, row.originals)
        if before is not None and same:
            row = Row(row.title, row.setting, before.look, None, row.reconstructions, row.samples)
        else:
            before = row
        yield row


def draw_rows(found: Sequence[Row], width: int) -> Figure:
    """Reconstructions at the left and samples at the right, or below on a narrow sheet."""
    beside = width > 500 and any(row.samples is not None for row in found)
    block = (width - APART) / 2 if beside else float(width)
    heights = [_height(row, block, beside) for row in found]
    sheet = style.Sheet(width, sum(heights) + BETWEEN * (len(found) - 1))
    top = 0.0
    for row, height in zip(found, heights, strict=True):
        _draw(sheet, row, top, block, beside)
        top += height + BETWEEN
    return sheet.figure


def _first(run: RunFacts, name: str, look: Look) -> Array | None:
    """As many samples as stand well beside each other."""
    array = samples_in(run, name)
    return None if array is None else array[: look.beside]


def _equal(one: Array | None, other: Array | None) -> bool:
    return one is not None and other is not None and np.array_equal(one, other)


def _blocks(row: Row) -> list[tuple[str, Array]]:
    """What stands in a row, from its left or its top."""
    named = (
        (f"{TITLES['validation']}: originals", row.originals),
        ("Reconstructions", row.reconstructions),
        ("New samples", row.samples),
    )
    return [(title, array) for title, array in named if array is not None]


def _words(row: Row, width: float) -> list[str]:
    return textwrap.wrap(row.setting, int(width / LETTER)) or [""]


def _tall(array: Array, look: Look, block: float) -> float:
    return HEAD + 6 + grid_height(array, look, _wide(array, look, block), len(array))


def _wide(array: Array, look: Look, block: float) -> float:
    return block * min(1.0, len(array) / look.beside)


def _columns(row: Row, beside: bool) -> list[list[tuple[str, Array]]]:
    """The blocks of each column, from the top."""
    every = _blocks(row)
    if not beside:
        return [every]
    return [every[:-1], every[-1:]] if row.samples is not None else [every]


def _height(row: Row, block: float, beside: bool) -> float:
    wide = 2 * block if beside else block
    words = LINE * (len(_title(row, wide)) + len(_words(row, wide))) + 6
    columns = _columns(row, beside)
    return words + max(sum(_tall(a, row.look, block) for _, a in column) for column in columns)


def _title(row: Row, width: float) -> list[str]:
    return textwrap.wrap(row.title, int(width / (1.16 * LETTER)))


def _draw(sheet: style.Sheet, row: Row, top: float, block: float, beside: bool) -> None:
    wide = 2 * block if beside else block
    for text in _title(row, wide):
        sheet.write(0, top, text, 13.5, color=style.INK, fontweight="bold")
        top += LINE
    for text in _words(row, wide):
        sheet.write(0, top, text, 12)
        top += LINE
    for place, column in enumerate(_columns(row, beside)):
        left, down = place * (block + APART), top + 6
        for title, array in column:
            sheet.write(left, down, title, 12)
            box = (left, down + HEAD, _wide(array, row.look, block))
            place_samples(sheet, array, row.look, box, len(array))
            down += _tall(array, row.look, block)
