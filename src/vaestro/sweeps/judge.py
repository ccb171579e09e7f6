"""The judge of a batch: at a rung it compares the trials that arrive with all that were there."""

import math
from collections.abc import Collection, Mapping
from typing import Any

from vaestro.sweeps.definition import Definition
from vaestro.sweeps.goal import cost
from vaestro.sweeps.halving import HalvingConfig, Left, leaving
from vaestro.sweeps.holder import Holder
from vaestro.sweeps.ledger.rows import Trial


class RungJudge:
    """Ends members that are not among the best of their rung, by the ledger's record of it."""

    def __init__(
        self, holder: Holder, definition: Definition, halving: HalvingConfig, members: list[Trial]
    ) -> None:
        self.holder, self.members, self.eta = holder, members, halving.eta
        (self.figure,) = definition.goal.figures
        self.rungs = halving.rungs(definition.recipe.training.epochs)
        self.left: dict[int, Left] = {}

    def leaving(self, epoch: int, validated: Mapping[int, dict[str, Any]]) -> Collection[int]:
        """The members that end at this epoch; none between two rungs."""
        if epoch not in self.rungs:
            return ()
        costs = {number: self._cost(figures) for number, figures in validated.items()}
        reached: list[float] = []
        for number, value in costs.items():
            told = self.holder.ledger.reached(
                self.holder.lease, self.members[number].number, epoch, value
            )
            self.holder.require(told is not None)
            reached = told or []
        over = leaving(self.eta, epoch, costs, reached)
        self.left |= over
        return over.keys()

    @property
    def ended(self) -> Collection[int]:
        """The members that were not among the best of a rung."""
        return self.left.keys()

    def _cost(self, figures: Mapping[str, Any]) -> float:
        known = dict(figures)
        if self.figure == "elbo":
            terms = (figures["data_term"], figures["prior_term"])
            known["elbo"] = None if None in terms else -sum(terms)
        value = known.get(self.figure)
        return math.nan if value is None else cost(self.figure, float(value))
