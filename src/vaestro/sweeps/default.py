"""The recipe as it is, as a setting of a space: what a user has already, and others must beat."""

from collections.abc import Iterator, Sequence
from typing import Any

from vaestro.experiments.recipe import Recipe, apply
from vaestro.foundation.errors import RecipeError
from vaestro.sweeps.axis import ChoiceAxis, RangeAxis
from vaestro.sweeps.space import Params, Space


def default_of(base: Recipe, space: Space) -> Params | None:
    """The setting that changes nothing in `base`; None where the space does not hold it."""
    try:
        params = dict(_own(base, base.plain(), space.axes))
        return params if space.meets(base) and space.recipe(base, params) == base else None
    except (LookupError, RecipeError):
        return None


def _own(
    base: Recipe, values: dict[str, Any], axes: Sequence[RangeAxis | ChoiceAxis]
) -> Iterator[tuple[str, Any]]:
    """The value that each axis has in the recipe. Raises LookupError where one has none."""
    for axis in axes:
        if isinstance(axis, RangeAxis):
            yield axis.field, _number(values, axis)
        else:
            chosen = _chosen(base, axis)
            yield axis.field, chosen
            yield from _own(base, values, axis.branches.get(chosen, ()))


def _number(values: dict[str, Any], axis: RangeAxis) -> Any:
    found: Any = values
    for name in axis.field.split("."):
        found = found[name] if isinstance(found, dict) else None
    if isinstance(found, dict) and found.get("kind") == "constant":
        found = found["value"]  # a constant schedule is written as its number
    if not axis.holds(found):
        raise LookupError(axis.field)
    return found


def _chosen(base: Recipe, axis: ChoiceAxis) -> str:
    """The choice that changes nothing."""
    for value in axis.values:
        try:
            if apply(base, [f"{axis.field}={axis.text(value)}"]) == base:
                return value
        except RecipeError:
            continue
    raise LookupError(axis.field)
