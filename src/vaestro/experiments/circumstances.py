"""What a run is trained with that its recipe does not say."""

from copy import deepcopy
from dataclasses import dataclass

from vaestro.data.dataset import DataSet
from vaestro.experiments.assemble import Assembly, assemble
from vaestro.experiments.change import BEGINNING, GOING_ON, Change, changed
from vaestro.experiments.forecasting.forecast import look_at
from vaestro.experiments.material import Kept
from vaestro.experiments.population.parts import SharedParts
from vaestro.experiments.recipe import Recipe
from vaestro.health.forecast.look import Look
from vaestro.models.build import NOBODY, Guests
from vaestro.training.distribution.ranks import ALONE, Ranks
from vaestro.training.plan import Plan
from vaestro.training.watching import Judge


@dataclass(frozen=True)
class Circumstances:
    """`guests`: the modules of networks of `kind: given`, trained as they are. `ranks`: the
    processes that train together. `judge`: who may end the run after a validation. `shared`: data
    and looks that it has in common with other runs. `changes`: what is done to its model."""

    guests: Guests = NOBODY
    ranks: Ranks = ALONE
    judge: Judge | None = None
    shared: SharedParts | None = None
    changes: tuple[Change, ...] = ()

    def assembly(
        self, recipe: Recipe, plan: Plan, data: DataSet | None = None, kept: Kept | None = None
    ) -> Assembly:
        """The parts of a run; `data` in the place of the recipe's, `kept` as in `prepare`."""
        if self.shared is not None and data is None and self.guests == NOBODY:
            made = self.shared.assembly(recipe, plan, kept)
        else:
            made = assemble(recipe, plan, data, kept, deepcopy(self.guests))
        return changed(made, self.changes, BEGINNING if kept is None else GOING_ON)

    def look(self, assembly: Assembly) -> Look:
        """What the training samples of an assembled run say; a changed model is looked at alone."""
        if self.shared is None or self.changes:
            return look_at(assembly)
        return self.shared.look(assembly)


PLAIN = Circumstances()
"""One process, no modules of one's own, nothing shared or changed, nobody judging."""
