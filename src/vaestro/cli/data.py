"""vaestro data list, vaestro data show"""

from pathlib import Path
from typing import Any

from vaestro.cli.output import Assignments, Json, finish
from vaestro.data.catalogue import describe, guess_source
from vaestro.data.catalogue import listing as known
from vaestro.data.source import load_data
from vaestro.experiments.recipe import Recipe, built_in, read_recipe
from vaestro.foundation.config import edited


def listing(*, json: Json = False) -> None:
    """List what can be trained on without a file, and the file kinds that are read."""
    rows = known()
    width = max(len(row["name"]) for row in rows)
    prose = "\n".join(f"{row['name']:<{width}}  {row['about']}" for row in rows)
    finish({"data": rows}, prose, json)


def show(name: str, /, *, set_: Assignments = None, json: Json = False) -> None:
    """Describe a data set by name, a recipe's data, or a file or folder of yours.

    --set data.key=NAME chooses an array of an .npz, and so on for any field of the source.
    """
    given = {"data": _source(name).plain()}
    recipe = Recipe.parse(edited(given, tuple(set_ or ())))
    record = describe(load_data(recipe.data))
    finish(record, _prose(record), json)


def _source(name: str) -> Any:
    if Path(name).exists():
        return guess_source(Path(name))
    if name in built_in() or name.endswith((".yaml", ".yml")):
        return read_recipe(name).data
    if name in {row["name"] for row in known()}:
        return Recipe.parse({"data": name}).data
    return guess_source(Path(name))


def _prose(record: dict[str, Any]) -> str:
    width = max(len(key) for key in record)
    shown = {k: f"{v:.6g}" if isinstance(v, float) else str(v) for k, v in record.items()}
    return "\n".join(f"{key.replace('_', ' '):>{width}}  {value}" for key, value in shown.items())
