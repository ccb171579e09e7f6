"""A study: which settings of which recipe are compared, with how many seeds, and why."""

from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from vaestro.experiments.recipe import Recipe, apply, located, read_recipe
from vaestro.foundation.config import Config, differences
from vaestro.foundation.edits import as_text
from vaestro.foundation.errors import RecipeError, RunFolderError, nearest
from vaestro.foundation.yaml_text import read_yaml
from vaestro.studies.command import going_on
from vaestro.sweeps.axis import axis_of
from vaestro.sweeps.definition import Definition, watched
from vaestro.sweeps.goal import DIRECTIONS, Goal
from vaestro.sweeps.space import Space

WORDS = ("name", "question", "quick")
"""Fields that change no trial."""

Figures = Annotated[tuple[str, ...], Field(min_length=1)]


class Quick(Config):
    """What a study changes to take minutes on two cores: fields, and fewer seeds."""

    set: dict[str, Any] = Field(default={})
    seeds: int = Field(default=2, ge=1)


class StudyConfig(Config):
    """An ablation of `recipe` with the fields `set`. `question` is what it answers; `vary` maps
    fields to their values, every combination of which is a cell, trained with the seeds 0 to
    `seeds` - 1. `edits` are a user's own `field=value` changes of the recipe, the last ones."""

    name: str
    question: str
    recipe: str
    set: dict[str, Any] = Field(default={})
    vary: dict[str, Any] = Field(min_length=1)
    seeds: int = Field(default=5, ge=1)
    figures: Figures = ("data_term", "prior_term", "mse", "live_dimensions")
    quick: Quick = Quick()
    edits: tuple[str, ...] = ()

    def shortened(self) -> "StudyConfig":
        """The quick form."""
        fields = self.set | self.quick.set
        return self.model_copy(update={"set": fields, "seeds": self.quick.seeds})

    def base(self) -> Recipe:
        """The recipe that is varied."""
        own = [f"{field}={as_text(value)}" for field, value in self.set.items()]
        return located(watched(apply(read_recipe(self.recipe), (*own, *self.edits))))

    def definition(self) -> Definition:
        """The study as a sweep over a grid. Nothing is screened: what dies is what is studied.
        Raises RecipeError in one line."""
        axes = [axis_of(field, values) for field, values in self.vary.items()]
        axes.append(axis_of("seed", list(range(self.seeds))))
        for name in self.figures:
            if name not in DIRECTIONS:
                raise RecipeError(f"unknown figure {name}: {nearest(name, list(DIRECTIONS))}")
        return Definition(
            recipe=self.base(),
            space=Space(axes=tuple(axes)),
            goal=Goal(figures=self.figures),
            search="grid",
            screen=False,
        )

    def require_same(self, asked: "StudyConfig", root: Path) -> None:
        """Raise RunFolderError in one line when this study, that of `root`, is not the one that is
        asked for; its words may differ, and seeds may be added."""
        old, new = ({k: v for k, v in c.plain().items() if k not in WORDS} for c in (self, asked))
        changed = differences(old, new)
        if changed == ["seeds"] and asked.seeds > self.seeds:
            return
        if changed == ["seeds"]:
            raise RunFolderError(
                f"{root} holds this study with {self.seeds} seeds and {asked.seeds} are asked for; "
                f"seeds may only grow: `{going_on(root)}` goes on with {self.seeds}, or give "
                "another --out"
            )
        if changed:
            raise RunFolderError(
                f"{root} holds another study: {', '.join(changed[:4])} differ"
                f"{' and more' if len(changed) > 4 else ''}; `{going_on(root)}` goes on "
                "with it, or give another --out"
            )


def named() -> list[str]:
    """The names of the studies that come with vaestro."""
    folder = resources.files("vaestro.studies") / "named"
    return sorted(
        f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith(".yaml")
    )


def read_study(source: str) -> StudyConfig:
    """The study of a name or a YAML path. Raises RecipeError in one line."""
    names = named()
    if source in names:
        text = (resources.files("vaestro.studies") / "named" / f"{source}.yaml").read_text()
    elif Path(source).is_file():
        text = Path(source).read_text()
    else:
        raise RecipeError(f"there is no study {source!r}; {nearest(source, names)}")
    values = read_yaml(text, source)
    if not isinstance(values, dict):
        raise RecipeError(f"{source} is not a study: a mapping of fields is needed")
    return StudyConfig.parse({"name": Path(source).stem, **values})
