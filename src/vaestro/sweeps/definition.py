"""Everything that defines a sweep; an equal definition asks equal settings of equal results."""

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from vaestro.experiments.recipe import Recipe, apply
from vaestro.foundation.config import Config, differences
from vaestro.foundation.errors import RecipeError, RunFolderError
from vaestro.sweeps.axis import Axis, ChoiceAxis
from vaestro.sweeps.earlier import Earlier
from vaestro.sweeps.goal import FROM_TRAINING, Goal, require_comparable
from vaestro.sweeps.halving import HalvingConfig
from vaestro.sweeps.space import Space
from vaestro.training.config import RemedyConfig, WarnConfig

Search = Literal["tpe", "gp", "nsga2", "random", "sobol", "grid"]
"""How settings are chosen: a tree of Parzen estimators (Bergstra et al. 2011), a Gaussian process,
NSGA-II (Deb et al. 2002), at random, a Sobol sequence, or every cell of a grid."""

BATCH = 16
"""So many settings are asked at once when it is not said: a population of the usual width."""

FEWEST, GROWTH = 4, 4
"""Growing batches have so many settings at least, and at most one in so many of those asked
before."""

MOST = 100_000
"""A sweep has at most so many trials; more are surely a slip."""


class Definition(Config):
    """A sweep: settings of `space` on `recipe`, judged by `goal`.

    `batch` settings are asked at once and trained as one population, `width` of them stacked at
    most (null: measured). `screen`: what is forecast to collapse is not trained. `halving`: at
    rungs of its length a trial goes on only if it is among the best. `earlier` trials of another
    sweep are told to the search. `seed` is that of the search; the trials have the recipe's.
    `default`: the recipe as it is is the first trial, where the space holds it and the search is
    none over a grid. `growing`: the first batches are small, so that a search learns early, and the
    last ones too, so that no worker waits for another's.
    """

    recipe: Recipe
    space: Space
    goal: Goal = Goal()
    search: Search = "tpe"
    seed: int = Field(default=0, ge=0)
    batch: int = Field(default=BATCH, ge=1, le=256)
    width: Annotated[int, Field(ge=1, le=256)] | None = None
    screen: bool = True
    halving: HalvingConfig | None = None
    earlier: tuple[Earlier, ...] = ()
    default: bool = True
    growing: bool = False

    @model_validator(mode="after")
    def _one_fate(self) -> Self:
        if isinstance(self.recipe.training.monitor, RemedyConfig):
            raise ValueError(
                "training.monitor=remedy changes a trial's setting while it trains; "
                "give training.monitor=stop or off"
            )
        return self

    def next_batch(self, asked: int, trials: int) -> int:
        """How many settings of `trials` are asked at once when so many were asked before."""
        left = max(0, trials - asked)
        if not self.growing:
            return min(self.batch, left)
        count = FEWEST
        while 2 * GROWTH * count <= asked:  # doubled: each width is measured once
            count *= 2
        return min(self.batch, count, -(-left // 2))  # so that workers end at one time

    def require_sound(self) -> None:
        """Raise RecipeError in one line where the space or the goal does not fit the recipe."""
        self.space.require_fitting(self.recipe)
        require_comparable(self.goal, self.space.fields)
        if self.halving is not None:
            self._require_halving(self.halving)
        if self.earlier and self.search not in ("tpe", "gp"):
            raise RecipeError(
                f"--search {self.search} learns nothing from --warm-start; give tpe or gp"
            )
        if self.search == "gp" and any(getattr(a, "branches", None) for a in self.space.axes):
            raise RecipeError("--search gp knows no branches; give --search tpe, or no branches")

    def _require_halving(self, halving: HalvingConfig) -> None:
        """Raise RecipeError unless trials can be compared at rungs."""
        known = len(self.goal.figures) == 1 and self.goal.figures[0] in FROM_TRAINING
        if not known:
            raise RecipeError(
                f"--halving compares trials by one figure that training gives, and --objective is "
                f"{','.join(self.goal.figures)}; legal: one of {', '.join(FROM_TRAINING)}"
            )
        for name in ("training.epochs", "training.validate_epochs"):
            if any(field.startswith(name) for field in self.space.fields):
                raise RecipeError(
                    f"--halving compares trials after the same epochs, and {name} is varied; "
                    "leave one of them out"
                )
        self._require_rungs(halving)

    def _require_rungs(self, halving: HalvingConfig) -> None:
        """Raise RecipeError unless trials are validated at a rung."""
        epochs, often = self.recipe.training.epochs, self.recipe.training.validate_epochs
        rungs = halving.rungs(epochs)
        if not rungs:
            raise RecipeError(
                f"--halving {halving.eta} compares nobody in training.epochs={epochs}; give "
                f"{halving.eta} epochs or more, or leave --halving out"
            )
        if all(rung % often for rung in rungs):
            raise RecipeError(
                f"--halving {halving.eta} compares trials after {', '.join(map(str, rungs))} "
                f"epochs, and training.validate_epochs={often} validates after none of these; give "
                "training.validate_epochs=1"
            )

    def grown_from(self, other: "Definition") -> bool:
        """Whether this is the grid of `other` with more values on some of its axes: every cell of
        the one is a cell of the other."""
        if self.search != "grid" or len(self.space.axes) != len(other.space.axes):
            return False
        axes = zip(self.space.axes, other.space.axes, strict=True)
        more = all(_more(ours, theirs) for ours, theirs in axes)
        space = self.space.model_copy(update={"axes": other.space.axes})
        return more and self.model_copy(update={"space": space}) == other

    def require_same(self, other: "Definition", where: str) -> None:
        """Raise RunFolderError naming what differs from the definition stored in `where`."""
        changed = differences(self.plain(), other.plain())
        if changed:
            raise RunFolderError(
                f"{where} holds another sweep: {', '.join(changed[:4])} differ"
                f"{' and more' if len(changed) > 4 else ''}; give the same command to go on with "
                "it (only --trials may grow), or another --out"
            )


def _more(axis: Axis, other: Axis) -> bool:
    """Whether the axis has the values of the other, and perhaps more."""
    if not isinstance(axis, ChoiceAxis) or not isinstance(other, ChoiceAxis):
        return axis == other
    alike = (axis.field, axis.branches) == (other.field, other.branches)
    return alike and set(other.values) <= set(axis.values)


def watched(recipe: Recipe) -> Recipe:
    """The recipe of a sweep's trials: one that cannot come to anything is stopped, unless the
    recipe says otherwise."""
    if isinstance(recipe.training.monitor, WarnConfig):
        return apply(recipe, ["training.monitor=stop"])
    return recipe


def trials_of(asked: int | None, search: str, cells: Sequence[object]) -> int:
    """How many trials a sweep has. Raises RecipeError in one line for a number that it cannot."""
    if search != "grid":
        if asked is None:
            raise RecipeError(
                "--trials is missing; give the number of settings to try: --trials 64"
            )
        if not 1 <= asked <= MOST:
            raise RecipeError(f"--trials {asked} is not legal; give 1 to {MOST:,}")
        return asked
    if len(cells) > MOST:
        raise RecipeError(f"the grid has {len(cells):,} cells; at most {MOST:,} are trained")
    if asked is not None and asked < len(cells):
        raise RecipeError(
            f"the grid has {len(cells)} cells and --trials {asked} would leave some out; "
            "leave --trials away, or give --search random"
        )
    return len(cells)
