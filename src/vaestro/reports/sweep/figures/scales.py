"""The axes of parallel coordinates: where on its axis each trial lies, from 0 to 1.

Letters: T trials.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from vaestro.reports.figures.scales import round_numbers
from vaestro.reports.numerals import number
from vaestro.reports.sweep.facts import Axis, Figure, Trial
from vaestro.reports.sweep.figures.frame import clipped, fenced
from vaestro.reports.sweep.figures.importance import shortened
from vaestro.reports.sweep.labels import better, label, unit
from vaestro.reports.sweep.words import placed

ABSENT, PRESENT = 0.0, 0.09
"""Where a trial lies that lacks a conditional field, and where the others begin."""
SPREAD = 0.6
"""Trials of one choice are spread over so much of its part of the axis."""
LETTERS = 16


@dataclass(frozen=True)
class Scale:
    """One axis. places: (T,), NaN where nothing is known. ticks: places and their texts."""

    name: str
    hint: str
    places: NDArray[np.float64]
    ticks: tuple[tuple[float, str], ...]


def of_field(axis: Axis, trials: Sequence[Trial], ranks: NDArray[np.float64]) -> Scale:
    """The axis of a varied field. `ranks`: (T,), 0 to 1, spread those of one choice."""
    given = [trial.params.get(axis.field) for trial in trials]
    inner, ticks = _choices(axis, given, ranks) if axis.values else _range(axis, given)
    hint = "logarithmic" if axis.log else ""
    if axis.conditional:
        inner = np.where(np.isnan(inner), ABSENT, PRESENT + (1 - PRESENT) * inner)
        ticks = [(ABSENT, "none"), *((PRESENT + (1 - PRESENT) * at, text) for at, text in ticks)]
        hint = "in some settings"
    return Scale(axis.field, hint, inner, tuple(ticks))


def of_figure(figure: Figure, trials: Sequence[Trial]) -> Scale:
    """The axis of a figure; what is far out lies at its end."""
    values = [trial.value(figure.name) for trial in trials]
    known = [value for value in values if value is not None]
    low, high = fenced(known, ()) if known else (0.0, 1.0)
    span = high - low or 1.0
    places = [np.nan if v is None else (clipped(v, (low, high)) - low) / span for v in values]
    steps = MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    ticks = tuple(((t - low) / span, _plain(t)) for t in steps if low <= t <= high)
    hint = ", ".join(part for part in (unit(figure.name), better(figure)) if part)
    return Scale(label(figure.name), hint, np.array(places), ticks)


def _range(axis: Axis, given: Sequence[Any]) -> tuple[NDArray[np.float64], list[tuple[float, str]]]:
    places = [np.nan if value is None else placed(axis, float(value)) for value in given]
    if axis.log:
        values = [v for v in round_numbers(axis.low, axis.high) if axis.low <= v <= axis.high]
    else:
        steps = MaxNLocator(5).tick_values(axis.low, axis.high)
        values = [float(v) for v in steps if axis.low <= v <= axis.high]
    return np.array(places), [(placed(axis, value), _plain(value)) for value in values]


def _choices(
    axis: Axis, given: Sequence[Any], ranks: NDArray[np.float64]
) -> tuple[NDArray[np.float64], list[tuple[float, str]]]:
    """Each value has an equal part of the axis, in which its trials lie side by side."""
    part = 1 / len(axis.values)
    middle = {value: (place + 0.5) * part for place, value in enumerate(axis.values)}
    spread = (ranks - 0.5) * SPREAD * part
    places = np.array([middle.get(str(value), np.nan) for value in given]) + spread
    letters = max(4, int(LETTERS * 4 * part))
    return places, [(at, _cut(value, letters)) for value, at in middle.items()]


def _cut(text: str, letters: int) -> str:
    short = shortened(text, letters)
    return short if len(short) <= letters + 1 else f"{short[:letters]}…"


def _plain(value: float) -> str:
    """A round number without decimals that say nothing."""
    return number(round(value)) if float(value).is_integer() else number(float(f"{value:.3g}"))
