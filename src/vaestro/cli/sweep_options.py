"""The options of `vaestro sweep` that define a sweep."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter, validators

from vaestro.cli.output import Assignments
from vaestro.experiments.recipe import located
from vaestro.experiments.requested_recipe import chosen
from vaestro.foundation.errors import RecipeError
from vaestro.sweeps.definition import BATCH, Definition, Search, watched
from vaestro.sweeps.earlier import earlier_of
from vaestro.sweeps.folder import SweepFolder
from vaestro.sweeps.goal import Goal
from vaestro.sweeps.halving import EARLY
from vaestro.sweeps.limit import Limit
from vaestro.sweeps.space import space_of

AT_ONCE = validators.Number(gte=1, lte=256)
"""So many members may be trained at once: each holds files open."""

LEARNING = ("tpe", "gp", "nsga2")
"""Searches whose questions depend on earlier answers."""

ASKS = 8
"""A search that learns asks at least so often when it is not said how much at once."""


@dataclass(frozen=True)
class Options:
    """What the command line says of a sweep, but for its recipe's name and its number of trials."""

    vary: Annotated[
        list[str] | None,
        Parameter(
            name="--vary",
            negative="",
            help="An axis: FIELD=log(1,16), range(0,1), int(2,8), logint(8,512) or a,b,c. "
            "A third number is that of a grid's points. Repeatable.",
        ),
    ] = None
    space: Annotated[
        Path | None, Parameter(name="--space", help="A YAML file of fields and values.")
    ] = None
    search: Annotated[
        Search | None,
        Parameter(
            name="--search",
            help="How settings are chosen; grid where every axis has its values, else tpe.",
        ),
    ] = None
    objective: Annotated[
        str,
        Parameter(
            name="--objective", help="Figures of the validation split, with commas between them."
        ),
    ] = "data_term,prior_term"
    order: Annotated[
        Literal["pareto", "lexicographic"],
        Parameter(name="--order", help="Several figures: a front, or the first counts most."),
    ] = "pareto"
    within: Annotated[
        float,
        Parameter(
            name="--within", help="The share by which a lexicographic figure may miss its best."
        ),
    ] = 0.02
    where: Annotated[
        list[str] | None,
        Parameter(
            name="--where",
            negative="",
            help="A limit on a field or a figure: 'objective.beta>=1', 'mse<=0.02'. Repeatable.",
        ),
    ] = None
    batch: Annotated[
        int | None,
        Parameter(
            name="--batch", help="Settings asked at once, one population.", validator=AT_ONCE
        ),
    ] = None
    width: Annotated[
        int | None,
        Parameter(
            name="--width", help="Members at once; measured when left out.", validator=AT_ONCE
        ),
    ] = None
    search_seed: Annotated[int, Parameter(name="--search-seed", help="Seed of the search.")] = 0
    halving: Annotated[
        int | None,
        Parameter(
            name="--halving",
            help="Of those at a rung (1/N, 1/N^2, ... of the epochs) the best in N go on.",
            validator=validators.Number(gte=2, lte=64),
        ),
    ] = None
    compare_from: Annotated[
        float | None,
        Parameter(
            name="--compare-from",
            help=f"No rung is before this share of the epochs; {EARLY} when it is not said.",
            validator=validators.Number(gte=0, lt=1),
        ),
    ] = None
    warm_start: Annotated[
        Path | None,
        Parameter(name="--warm-start", help="An earlier sweep, told to the search."),
    ] = None
    screen: Annotated[
        bool,
        Parameter(
            name="--screen",
            negative="--no-screen",
            help="Train none that is forecast to collapse.",
        ),
    ] = True
    default: Annotated[
        bool,
        Parameter(
            name="--default",
            negative="--no-default",
            help="The recipe as it is is the first trial, where the space holds it.",
        ),
    ] = True
    data: Annotated[
        Path | None,
        Parameter(name="--data", help="A file or folder of yours in place of the recipe's data."),
    ] = None
    set_: Assignments = None

    def definition(self, recipe: str | None, trials: int | None, root: Path) -> Definition | None:
        """The sweep that is asked for; None when nothing is asked and `root` holds one. What is not
        said is as in the sweep there. Raises RecipeError or RunFolderError in one line."""
        stored = _stored(root)
        if stored is not None and recipe is None and self == Options():
            return None
        limits = [Limit.read(text) for text in self.where or []]
        about_figures = [limit for limit in limits if "." not in limit.name]
        about_fields = [str(limit) for limit in limits if "." in limit.name]
        space = space_of(self.vary or [], self.space, about_fields)
        goal = self._goal(about_figures)
        earlier = earlier_of(self.warm_start, space, goal) if self.warm_start else []
        if stored is not None:
            search, batch = self.search or stored.search, self.batch or stored.batch
            growing = stored.growing and self.batch is None
        else:
            search = self.search or ("grid" if space.finite and trials is None else "tpe")
            batch = self.batch or _batch(search, trials)
            growing = self.batch is None and search in LEARNING
        recipe_asked = located(watched(chosen(recipe, self.data, self.set_)))
        return Definition.parse(
            {
                "recipe": recipe_asked.plain(),
                "space": space.plain(),
                "goal": goal.plain(),
                "search": search,
                "seed": self.search_seed,
                "batch": batch,
                "width": self.width,
                "screen": self.screen,
                "halving": self._halving(),
                "default": self.default,
                "growing": growing,
                "earlier": [one.plain() for one in earlier],
            }
        )

    def _halving(self) -> dict[str, Any] | None:
        if self.halving is None:
            if self.compare_from is not None:
                raise RecipeError(
                    f"--compare-from {self.compare_from:g} says where --halving begins to compare; "
                    "give --halving 3 too, or leave it out"
                )
            return None
        since = {} if self.compare_from is None else {"compare_from": self.compare_from}
        return {"eta": self.halving, **since}

    def _goal(self, limits: list[Limit]) -> Goal:
        figures = [name.strip() for name in self.objective.split(",") if name.strip()]
        plain = [limit.plain() for limit in limits]
        given = {"figures": figures, "order": self.order, "within": self.within, "limits": plain}
        return Goal.parse(given)


def _stored(root: Path) -> Definition | None:
    folder = SweepFolder(root)
    return Definition.parse(folder.read_definition()) if folder.exists else None


def _batch(search: str, trials: int | None) -> int:
    """So many at once that later questions know earlier answers, where the search learns."""
    if trials is None or search not in LEARNING:
        return BATCH
    return max(1, min(BATCH, trials // ASKS))
