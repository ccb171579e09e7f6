"""Which members a population has: the edits of each, on one recipe."""

from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import TypeVar

from vaestro.experiments.recipe import Recipe, apply
from vaestro.foundation.edits import as_text, parts
from vaestro.foundation.errors import RecipeError, UserError
from vaestro.foundation.yaml_text import read_yaml

MOST = 10_000
"""A population has at most so many members; more are surely a slip."""

Edits = tuple[str, ...]

R = TypeVar("R")


def crossed(vary: Sequence[str], seeds: int | None) -> list[Edits]:
    """Every combination of `field=value,value,...` in turn, each with the seeds 0 to `seeds` - 1.

    Commas inside brackets or quotes belong to a value. Raises RecipeError in one line.
    """
    axes = [_axis(text) for text in vary]
    if seeds is not None:
        if seeds < 1:
            raise RecipeError(f"--seeds {seeds} makes no run; give 1 or more")
        axes.append([f"seed={number}" for number in range(seeds)])
    return _limited([tuple(edits) for edits in product(*axes)])


def listed(path: Path) -> list[Edits]:
    """The members that a YAML file lists, each a list of `field=value` texts or a mapping of
    fields to values. Raises RecipeError in one line."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as fault:
        raise RecipeError(f"--population {path} cannot be read: {fault}") from None
    members = read_yaml(text, str(path))
    if not isinstance(members, list) or not members:
        raise RecipeError(f"{path} is no population: a list of members is needed, one or more")
    return _limited([_edits(member, path, place + 1) for place, member in enumerate(members)])


def recipes(recipe: Recipe, members: Sequence[Edits]) -> list[Recipe]:
    """The recipe of each member. Raises RecipeError naming the first member that is not legal."""
    return each(recipe, members, apply)


def each(recipe: R, members: Sequence[Edits], change: Callable[[R, Sequence[str]], R]) -> list[R]:
    """As `recipes`, of recipes of any kind, which `change` edits."""
    made = []
    for number, edits in enumerate(members):
        try:
            made.append(change(recipe, edits))
        except UserError as fault:
            shown = " ".join(edits) or "no edit"
            raise RecipeError(f"member {number} ({shown}): {fault}") from None
    return made


def _axis(text: str) -> list[str]:
    field, found, values = text.partition("=")
    if not found or not field or not values:
        raise RecipeError(
            f"--vary {text!r} is not a field and its values; give it as --vary objective.beta=1,2,4"
        )
    return [f"{field.strip()}={value}" for value in parts(values)]


def _edits(member: object, path: Path, place: int) -> Edits:
    if isinstance(member, dict):
        return tuple(f"{name}={as_text(value)}" for name, value in member.items())
    if isinstance(member, list) and all(isinstance(text, str) for text in member):
        return tuple(member)
    raise RecipeError(
        f"{path}: member {place} is {str(member)[:60]!r}; give a list of field=value texts, or a "
        "mapping of fields to values"
    )


def _limited(members: list[Edits]) -> list[Edits]:
    if len(members) > MOST:
        raise RecipeError(f"that makes {len(members):,} members; at most {MOST:,} are trained")
    return members
