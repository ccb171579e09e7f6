"""What a sweep looks for: figures, which of them comes first, and which trials are the best.

Shape letters: T trials, F figures.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, NamedTuple, Self

import numpy as np
from pydantic import Field, model_validator

from vaestro.foundation.config import Config
from vaestro.foundation.errors import RecipeError, nearest
from vaestro.sweeps.limit import Limit

Direction = Literal["minimize", "maximize"]

FROM_TRAINING: dict[str, Direction] = {
    "elbo": "maximize",
    "data_term": "minimize",
    "prior_term": "minimize",
    "loss": "minimize",
    "mse": "minimize",
    "live_dimensions": "maximize",
}
"""Figures of the validation split that every run has at its end, and the better direction."""

FROM_EVALUATION: dict[str, Direction] = {
    "nll": "minimize",
    "mutual_information": "maximize",
    "prior_mismatch": "minimize",
}
"""Figures that `evaluate` takes of a trained run on the validation split."""

DIRECTIONS: dict[str, Direction] = FROM_TRAINING | FROM_EVALUATION

Values = Mapping[str, float | None]


class Goal(Config):
    """The figures that matter, and how they are weighed when there are several.

    `order` pareto: none before the others, and what is found is a front. lexicographic: the first
    counts most; of the trials within `within` of its best (a share of the best's size) the next
    figure decides, and so on. `limits` are about figures: a trial that breaks one is never best.
    """

    figures: Annotated[tuple[str, ...], Field(min_length=1)] = ("data_term", "prior_term")
    order: Literal["pareto", "lexicographic"] = "pareto"
    within: float = Field(default=0.02, ge=0)
    limits: tuple[Limit, ...] = ()

    @model_validator(mode="after")
    def _known(self) -> Self:
        names = [*self.figures, *(limit.name for limit in self.limits)]
        names += [limit.bound for limit in self.limits if isinstance(limit.bound, str)]
        for name in names:
            if name not in DIRECTIONS:
                raise ValueError(f"unknown figure {name}: {nearest(name, list(DIRECTIONS))}")
        if len(set(self.figures)) < len(self.figures):
            raise ValueError(f"a figure stands twice among {', '.join(self.figures)}")
        return self

    @property
    def directions(self) -> list[Direction]:
        """minimize or maximize, for each figure."""
        return [DIRECTIONS[name] for name in self.figures]

    @property
    def wanted(self) -> set[str]:
        """Every figure that a trial must have."""
        named = {name for limit in self.limits for name in (limit.name, limit.bound)}
        return set(self.figures) | {name for name in named if isinstance(name, str)}

    @property
    def needs_evaluation(self) -> bool:
        """Whether a figure is wanted that the end of training does not give."""
        return bool(self.wanted & FROM_EVALUATION.keys())

    def excesses(self, values: Values) -> dict[str, float]:
        """By how much each limit is broken (at most 0: met), by its text."""
        broken = {str(limit): limit.excess(values) for limit in self.limits}
        return {name: excess for name, excess in broken.items() if excess is not None}

    def eligible(self, values: Values | None) -> bool:
        """Whether a trial has every figure and breaks no limit."""
        if values is None or any(not _finite(values.get(name)) for name in self.wanted):
            return False
        return all(excess <= 0 for excess in self.excesses(values).values())

    def costs(self, values: Values) -> list[float]:
        """The figures of an eligible trial (F,), each so that less is better."""
        return [cost(name, _known(values, name)) for name in self.figures]


class Ranked(NamedTuple):
    """Places among the trials that were ranked: the best, and the Pareto front."""

    best: int | None
    front: list[int]


def ranked(goal: Goal, results: Sequence[Values | None]) -> Ranked:
    """The best of `results` and those that no other one beats in every figure, ordered by the
    first figure. A trial without figures, or one that breaks a limit, is neither."""
    places = [place for place, values in enumerate(results) if goal.eligible(values)]
    if not places:
        return Ranked(None, [])
    costs = np.array([goal.costs(results[place] or {}) for place in places])
    front = sorted(_undominated(costs), key=lambda row: tuple(costs[row]))
    best = _first(costs, goal.within) if goal.order == "lexicographic" else _middle(costs, front)
    return Ranked(places[best], [places[row] for row in front])


def require_comparable(goal: Goal, fields: Sequence[str]) -> None:
    """Raise RecipeError when a figure means another thing at each setting of `fields`."""
    weights = [name for name in fields if name.startswith("objective")]
    if "loss" in goal.wanted and weights:
        raise RecipeError(
            f"{weights[0]} is varied, and with it what loss means; "
            "give --objective elbo, or data_term,prior_term"
        )
    kinds = ("model.likelihood", "model.likelihood.kind")
    nats = goal.wanted & {"elbo", "nll", "data_term", "loss"}
    changed = [name for name in fields if name in kinds]
    if nats and changed:
        raise RecipeError(
            f"{changed[0]} is varied, and nats of different likelihoods cannot be compared "
            f"({', '.join(sorted(nats))}); give --objective mse,prior_term"
        )


def _undominated(costs: np.ndarray) -> list[int]:
    """Rows of costs (T, F) that no other row equals or beats everywhere and beats somewhere."""
    rows = []
    for row, cost in enumerate(costs):
        no_worse, better = (costs <= cost).all(1), (costs < cost).any(1)
        if not (no_worse & better).any():
            rows.append(row)
    return rows


def _first(costs: np.ndarray, within: float) -> int:
    """The row that comes first when the figures count in their order."""
    rows = np.arange(len(costs))
    for column in costs.T:
        least = column[rows].min()
        rows = rows[column[rows] <= least + within * abs(least)]
    return int(min(rows, key=lambda row: tuple(costs[row])))


def _middle(costs: np.ndarray, front: Sequence[int]) -> int:
    """The row of the front nearest to what is best in each figure, every figure running from 0 to 1
    over the front."""
    on_front = costs[list(front)]
    low, high = on_front.min(0), on_front.max(0)
    span = np.where(high > low, high - low, 1.0)
    away = np.linalg.norm((on_front - low) / span, axis=1)
    return front[int(away.argmin())]


def cost(name: str, value: float) -> float:
    """A figure's value so that less is better."""
    return -value if DIRECTIONS[name] == "maximize" else value


def _known(values: Values, name: str) -> float:
    value = values[name]
    assert value is not None, "costs are those of eligible trials"
    return value


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
