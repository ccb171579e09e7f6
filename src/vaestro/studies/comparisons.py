"""Which cells of a study differ by more than the spread of their seeds.

Letters: n seeds of a cell; s their standard deviation; m pairs of cells.
"""

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from scipy.stats import t as student

from vaestro.reports.study.facts import LEVEL, Comparison
from vaestro.studies.cells import Cell, known


def comparisons(cells: Sequence[Cell], figures: Sequence[str]) -> list[Comparison]:
    """Every pair of cells in every figure that both have, one figure after the other."""
    return [made for name in figures for made in _of_figure(cells, name)]


def welch(one: Sequence[float], other: Sequence[float]) -> tuple[float, float | None, float | None]:
    """The difference of two means, half its interval, and its p value by Welch's t test (1947):

    t = (a - b) / e,  e^2 = s_a^2 / n_a + s_b^2 / n_b,  with
    e^4 / (s_a^4 / (n_a^2 (n_a - 1)) + s_b^4 / (n_b^2 (n_b - 1))) degrees of freedom.

    The last two are None where one of them is a single number or neither has any spread.
    """
    a, b = (np.asarray(values, dtype=float) for values in (one, other))
    difference = float(a.mean() - b.mean())
    if min(len(a), len(b)) < 2:
        return difference, None, None
    parts = [float(x.var(ddof=1)) / len(x) for x in (a, b)]
    error = math.sqrt(sum(parts))
    if error == 0:
        return difference, None, None
    shares = [(p / sum(parts)) ** 2 / (len(x) - 1) for p, x in zip(parts, (a, b), strict=True)]
    freedom = 1 / sum(shares)
    half = float(student.ppf((1 + LEVEL) / 2, freedom)) * error
    return difference, half, float(2 * student.sf(abs(difference) / error, freedom))


def holm(p: Sequence[float]) -> list[float]:
    """p values so corrected that among m tests of equal cells one below a level is as rare as the
    level says (Holm 1979): the i-th smallest times m - i, i from 0, never below one before it."""
    m, largest = len(p), 0.0
    corrected = [0.0] * m
    for i, place in enumerate(sorted(range(m), key=lambda place: p[place])):
        largest = max(largest, min(1.0, (m - i) * p[place]))
        corrected[place] = largest
    return corrected


def _of_figure(cells: Sequence[Cell], name: str) -> list[Comparison]:
    places = [place for place, cell in enumerate(cells) if name in cell.means]
    values = {place: known(cells[place].trials, name) for place in places}
    pairs = list(combinations(places, 2))
    found = [welch(values[one], values[other]) for one, other in pairs]
    corrected = iter(holm([p for _, _, p in found if p is not None]))
    return [
        Comparison(name, one, other, *told, None if told[2] is None else next(corrected))
        for (one, other), told in zip(pairs, found, strict=True)
    ]
