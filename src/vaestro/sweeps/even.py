"""Settings that lie evenly in a space, at any number of them: a Sobol sequence (Sobol 1967) with
random digits (Owen 1998), one dimension for each axis, those of branches among them.

The sequence is torch's: Optuna's own sampler imports scipy.stats, more than a second before the
first trial of every sweep, and draws the axes of branches at random.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch.quasirandom import SobolEngine

from vaestro.sweeps.axis import ChoiceAxis, RangeAxis
from vaestro.sweeps.space import Params, Space


def settings(space: Space, seed: int, first: int) -> Iterator[Params]:
    """The settings of the space's sequence from number `first` on, in the order of their draw;
    those that meet no limit or are not legal are among them."""
    engine = SobolEngine(_dimensions(space.axes), scramble=True, seed=seed)
    engine.fast_forward(first)
    while True:
        (point,) = engine.draw(1, dtype=torch.float64).tolist()
        yield dict(_taken(space.axes, iter(point), True))


def _dimensions(axes: Sequence[RangeAxis | ChoiceAxis]) -> int:
    return sum(1 + sum(map(_dimensions, _branches(axis).values())) for axis in axes)


def _taken(
    axes: Sequence[RangeAxis | ChoiceAxis], shares: Iterator[float], there: bool
) -> Iterator[tuple[str, Any]]:
    """The value of each axis that is `there`, at its share of the axis; a branch that was not taken
    uses its dimensions up."""
    for axis in axes:
        value = axis.at(next(shares))
        if there:
            yield axis.field, value
        for name, inner in _branches(axis).items():
            yield from _taken(inner, shares, there and name == value)


def _branches(axis: RangeAxis | ChoiceAxis) -> dict[str, tuple[Any, ...]]:
    return axis.branches if isinstance(axis, ChoiceAxis) else {}
