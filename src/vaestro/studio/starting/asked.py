"""What a person asks to start: a recipe, data of theirs, changed fields; and the command for it."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from vaestro.experiments.recipe import Recipe, apply, built_in, drafted
from vaestro.experiments.requested_recipe import chosen
from vaestro.foundation.config import Config
from vaestro.foundation.errors import DataError, RecipeError, nearest
from vaestro.runs.folder import RunFolder, next_free
from vaestro.studio.starting.command import command
from vaestro.studio.starting.edits import edits_between
from vaestro.studio.studio import Studio

Text = Annotated[str, Field(max_length=20_000)]


class Asked(Config):
    """A recipe by its built-in name, or the recipe of a `run` by its id; `data`, a path on this
    machine in place of the recipe's own; `set`, `field.path=value` edits in order.

    Without recipe and run it is digits, with data the recipe for that kind.
    """

    recipe: Text | None = None
    run: Text | None = None
    data: Text | None = None
    set: Annotated[tuple[Text, ...], Field(max_length=400)] = ()

    def source(self, studio: Studio) -> str | None:
        """The recipe as a command line names it. Raises RecipeError for an unknown one and NotThere
        for an unknown run."""
        if self.run is not None:
            folder = RunFolder(studio.find(self.run))
            folder.require_run()
            return str(folder.recipe)
        if self.recipe is not None and self.recipe not in built_in():
            raise RecipeError(
                f"there is no recipe {self.recipe!r}; {nearest(self.recipe, built_in())}"
            )
        return self.recipe

    def path(self) -> Path | None:
        """Where the data lie. Raises DataError where nothing does."""
        if self.data is None or not self.data.strip():
            return None
        path = Path(self.data.strip()).expanduser()
        if "\0" in self.data or not path.exists():
            raise DataError(f"{self.data} does not exist on this machine; give a file or a folder")
        return path.absolute()

    def base(self, studio: Studio) -> Recipe:
        """The recipe before any field is changed. Raises UserError in one line."""
        return chosen(self.source(studio), self.path(), ())

    def wanted(self, studio: Studio) -> Recipe:
        """The recipe with the changed fields. Raises UserError in one line."""
        return apply(self.base(studio), self.set)

    def settled(self, studio: Studio) -> "Asked":
        """The same with the fewest edits that give its recipe."""
        base, wanted = self.base(studio), self.wanted(studio)
        fewest = tuple(edits_between(base, wanted))
        try:
            same = apply(base, fewest) == wanted
        except RecipeError:
            same = False
        return self.model_copy(update={"set": fewest}) if same else self

    def words(self, studio: Studio) -> list[str]:
        """What stands behind `vaestro train` or `vaestro forecast`."""
        source, path = self.source(studio), self.path()
        words = [] if source is None else [source]
        words += [] if path is None else ["--data", str(path)]
        return words + [f"--set={edit}" for edit in self.set]


def checked(studio: Studio, asked: Asked) -> dict[str, Any]:
    """What the form shows: the recipe's values, in which fields they were changed, the command that
    starts it, or the `error` that stands in the way."""
    base = asked.base(studio)
    common = {"base": base.plain(), "recipe": asked.recipe, "run": asked.run, "data": asked.data}
    try:
        settled, wanted = asked.settled(studio), asked.wanted(studio)
    except RecipeError as fault:
        values = _drafted(base, asked)
        return common | {"error": str(fault), "values": values, "set": list(asked.set)}
    root = next_free(studio.root, wanted.name)
    return common | {
        "error": None,
        "values": wanted.plain(),
        "set": list(settled.set),
        "about": wanted.about,
        "command": command(["train", *settled.words(studio), "--run", str(root)]),
        "forecast": command(["forecast", *settled.words(studio)]),
    }


def _drafted(base: Recipe, asked: Asked) -> dict[str, Any]:
    """The values as far as the edits can be followed: an edit that leads nowhere is left out."""
    kept: list[str] = []
    for edit in asked.set:
        try:
            drafted(base, [*kept, edit])
        except RecipeError:
            continue
        kept.append(edit)
    return drafted(base, kept)


def ticket(studio: Studio, recipe: Recipe) -> str:
    """What shows that the forecast of exactly this recipe was told by this studio."""
    text = json.dumps(recipe.plain(), sort_keys=True)
    return hmac.new(studio.token.encode(), text.encode(), hashlib.sha256).hexdigest()


def require_told(studio: Studio, recipe: Recipe, shown: str) -> None:
    """Raise RecipeError unless `shown` is the recipe's ticket."""
    if not hmac.compare_digest(ticket(studio, recipe).encode(), shown.encode(errors="replace")):
        raise RecipeError(
            "this recipe has no forecast yet, or was changed after it; look at the forecast first"
        )
