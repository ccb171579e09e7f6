"""vaestro recipes"""

from vaestro.cli.output import Assignments, Json, finish
from vaestro.experiments.recipe import built_in, read_recipe, summary


def recipes(name: str | None = None, /, *, set_: Assignments = None, json: Json = False) -> None:
    """List the built-in recipes; with NAME (or a YAML file) print that recipe in full."""
    if name is not None:
        recipe = read_recipe(name, set_ or [])
        finish(recipe.plain(), recipe.to_yaml().rstrip(), json)
        return
    rows = [summary(read_recipe(one)) for one in built_in()]
    width = max(len(row["name"]) for row in rows)
    finish({"recipes": rows}, "\n".join(f"{r['name']:<{width}}  {r['about']}" for r in rows), json)
