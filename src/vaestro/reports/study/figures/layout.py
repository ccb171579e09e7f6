"""Where the cells of a study stand in its figures: along one axis, coloured by the others."""

import math
from dataclasses import dataclass

from vaestro.reports.numerals import typeset
from vaestro.reports.study.facts import Axis, Cell, StudyFacts

DECADE = 10.0
"""Positive numbers whose largest is so many times the smallest stand on a logarithmic scale."""
SIDE = 0.5
"""Choices stand 1 apart, so far from the ends of the axis."""


@dataclass(frozen=True)
class Layout:
    """`name` of the axis along which cells stand; `ticks`: place from 0 to 1 and text of each of
    its values; `numeric`: they are numbers, so that a line may join them; `log`: on a logarithmic
    scale. `places`: place and group of each cell; `groups`: what each colour stands for, () where
    there is one axis.
    """

    name: str
    ticks: tuple[tuple[float, str], ...]
    numeric: bool
    log: bool
    places: tuple[tuple[float, int], ...]
    groups: tuple[str, ...]


def layout(facts: StudyFacts) -> Layout:
    """The longest axis of numbers lies along the figure, or the longest of all where none has
    numbers; the settings of the others are the groups."""
    sizes = [(bool(axis.numbers), len(axis.values)) for axis in facts.axes]
    along = sizes.index(max(sizes))
    axis = facts.axes[along]
    spots = placed(axis)
    settings = [_rest(cell, along) for cell in facts.cells]
    kinds = list(dict.fromkeys(settings))
    others = [one for place, one in enumerate(facts.axes) if place != along]
    return Layout(
        axis.name,
        tuple((spot, typeset(text)) for spot, text in zip(spots, axis.values, strict=True)),
        bool(axis.numbers),
        _logarithmic(axis.numbers),
        tuple(
            (spots[cell.places[along]], kinds.index(setting))
            for cell, setting in zip(facts.cells, settings, strict=True)
        ),
        tuple(_words(others, kind) for kind in kinds) if others else (),
    )


def placed(axis: Axis) -> list[float]:
    """The place of each value from 0 to 1: numbers by their size, choices evenly."""
    count = len(axis.values)
    if not axis.numbers:
        return [(place + SIDE) / count for place in range(count)]
    log = _logarithmic(axis.numbers)
    sizes = [math.log(v) if log else v for v in axis.numbers]
    low, high = min(sizes), max(sizes)
    edge = SIDE / count
    span = (high - low) or 1.0
    return [edge + (1 - 2 * edge) * (size - low) / span for size in sizes]


def _logarithmic(numbers: tuple[float, ...]) -> bool:
    return bool(numbers) and min(numbers) > 0 and max(numbers) >= DECADE * min(numbers)


def _rest(cell: Cell, along: int) -> tuple[int, ...]:
    return tuple(value for place, value in enumerate(cell.places) if place != along)


def _words(axes: list[Axis], setting: tuple[int, ...]) -> str:
    pairs = zip(axes, setting, strict=True)
    return ", ".join(f"{axis.name} {axis.values[value]}" for axis, value in pairs)
