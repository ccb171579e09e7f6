"""What every way to a spectrum gives, before it is made into one.

Shape letters: N samples, n in one half, E numbers in a row, h directions held out, k eigenvalues.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from vaestro.health.forecast.rows import HalvedRows

LEAST_HELD_OUT = 64
MOST_HELD_OUT = 256
"""How many leading directions are cross-validated: as many as are wanted, between these."""


class Raw(NamedTuple):
    """values: (k,) sample eigenvalues (1/N), largest first; total: the sum of all; along: (N,) the
    rows along the first sample direction; crossed: the rows (n, h) of each half along the other
    half's leading directions (empty where there are too few samples)."""

    values: Tensor
    total: float
    along: Tensor
    crossed: tuple[Tensor, Tensor]


def held_out_count(rows: HalvedRows, wanted: int) -> int:
    """How many directions the smaller half can give, of those that are wanted."""
    if not rows.dividable:
        return 0
    smaller = min(rows.first, rows.samples - rows.first)
    asked = min(max(wanted + 8, LEAST_HELD_OUT), MOST_HELD_OUT)
    return min(asked, rows.width, smaller - 1)


def crossed(
    rows: HalvedRows, of_first: Tensor, of_second: Tensor, leading: Tensor
) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """One pass: each half along the other's directions (E, h), and all along `leading` (E,).

    Less what the leading direction has as its mean.
    """
    parts: dict[bool, list[Tensor]] = {True: [], False: []}
    along: list[Tensor] = []
    narrow: dict[bool, Tensor] = {}
    for x, first in rows.halves():
        other = of_second if first else of_first
        if first not in narrow:  # in the rows' own type, once
            narrow[first] = torch.cat([other, leading[:, None]], 1).to(x.device, x.dtype)
        y = (x @ narrow[first]).double().cpu()
        parts[first].append(y[:, :-1])
        along.append(y[:, -1])
    whole = torch.cat(along)
    empty = whole.new_zeros(0, of_first.shape[1])
    halves = tuple(torch.cat(parts[side]) if parts[side] else empty for side in (True, False))
    return (halves[0], halves[1]), whole - whole.mean()
