"""The space of a sweep: axes over recipe fields, conditional ones among them, and what a setting
must meet.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from vaestro.experiments.recipe import Recipe, apply
from vaestro.foundation.config import Config, differences
from vaestro.foundation.errors import RecipeError, UserError
from vaestro.foundation.yaml_text import read_yaml
from vaestro.sweeps.axis import Axis, ChoiceAxis, RangeAxis, axis_of
from vaestro.sweeps.limit import Limit

Params = dict[str, Any]
"""A setting: the value of each axis that it has, by field."""

IDLE = (
    "name",
    "about",
    "training.checkpoint_seconds",
    "training.checkpoint_steps",
    "training.device",
    "training.log_steps",
    "training.snapshot_epochs",
    "training.threads",
)
"""Fields that decide what is written and where it is computed, and no figure."""


class Space(Config):
    """Where a sweep looks. `limits` are about fields of the recipe, such as objective.beta>=1."""

    axes: tuple[Axis, ...] = Field(min_length=1)
    limits: tuple[Limit, ...] = ()

    @model_validator(mode="after")
    def _each_field_once(self) -> Self:
        for path in _paths(self.axes):
            if len(set(path)) < len(path):
                twice = next(name for name in path if path.count(name) > 1)
                raise ValueError(f"{twice} is varied twice; give all its values at once")
        return self

    def edits(self, params: Params) -> list[str]:
        """The setting as `field=value` edits, a branch's fields after what brings them."""
        return [f"{axis.field}={axis.text(params[axis.field])}" for axis in self.of(params)]

    @property
    def fields(self) -> list[str]:
        """Every field that some setting has, in order."""
        return list(dict.fromkeys(axis.field for *_, axis in _axes(self.axes)))

    def of(self, params: Params) -> Iterator[RangeAxis | ChoiceAxis]:
        """The axes that the setting has, in order."""
        return _walked(self.axes, params)

    def holds(self, params: Params) -> bool:
        """Whether a setting, perhaps of another space, is one of this space."""
        left = dict(params)
        try:
            own = all(axis.holds(left.pop(axis.field)) for axis in self.of(params))
        except KeyError:
            return False
        return own and not left

    def cells(self) -> list[Params]:
        """Every setting of the grid, the last axis changing fastest. Raises RecipeError where a
        range has no number of points."""
        return list(_crossed(self.axes))

    @property
    def finite(self) -> bool:
        """Whether the axes have finitely many values: choices, and ranges with points."""
        return all(
            not isinstance(axis, RangeAxis) or axis.points is not None
            for path in _axes(self.axes)
            for axis in path
        )

    def recipe(self, base: Recipe, params: Params) -> Recipe:
        """The recipe of a setting. Raises RecipeError when it is not legal."""
        return apply(base, self.edits(params))

    def meets(self, recipe: Recipe) -> bool:
        """Whether the recipe of a setting meets every limit."""
        values = recipe.plain()
        return all(limit.met(values) for limit in self.limits)

    def require_fitting(self, base: Recipe) -> None:
        """Raise RecipeError in one line unless every axis is a field of `base`, takes its values,
        and changes something."""
        values = base.plain()
        for limit in self.limits:
            limit.require_known(values, self.fields)
        for path in _axes(self.axes):
            _require_axis(base, path)


def space_of(vary: Sequence[str], file: Path | None, limits: Sequence[str] = ()) -> Space:
    """The space of `field=values` texts and of a YAML file that maps fields to values. Raises
    RecipeError in one line."""
    axes = [_axis(text) for text in vary]
    if file is not None:
        axes += [axis_of(str(name), values) for name, values in _read(file).items()]
    if not axes:
        raise RecipeError(
            "a sweep needs a space; give --vary objective.beta='log(1,16)', or --space FILE"
        )
    plain = [axis.plain() for axis in axes]
    return Space.parse({"axes": plain, "limits": [Limit.read(text).plain() for text in limits]})


def _axis(text: str) -> RangeAxis | ChoiceAxis:
    field, equals, values = text.partition("=")
    if not equals or not field.strip() or not values.strip():
        raise RecipeError(
            f"--vary {text!r} is not a field and its values; give it as "
            "--vary objective.beta='log(1,16)' or --vary model.latent=8,16,32"
        )
    return axis_of(field.strip(), values)


def _read(file: Path) -> Mapping[Any, Any]:
    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as fault:
        raise RecipeError(f"--space {file} cannot be read: {fault}") from None
    values = read_yaml(text, str(file))
    if not isinstance(values, dict) or not values:
        raise RecipeError(f"{file} is no space: a mapping of recipe fields to values is needed")
    return values


def _walked(axes: Sequence[RangeAxis | ChoiceAxis], params: Params) -> Iterator[Any]:
    for axis in axes:
        yield axis
        if isinstance(axis, ChoiceAxis):
            yield from _walked(axis.branches.get(params[axis.field], ()), params)


def _crossed(axes: Sequence[RangeAxis | ChoiceAxis]) -> Iterator[Params]:
    """Every combination of the axes' values, each with those of the branches that it brings."""
    for cell in product(*(list(_settings(axis)) for axis in axes)):
        yield {name: value for part in cell for name, value in part.items()}


def _settings(axis: RangeAxis | ChoiceAxis) -> Iterator[Params]:
    for value in axis.grid():
        inner = axis.branches.get(value, ()) if isinstance(axis, ChoiceAxis) else ()
        for rest in _crossed(inner):
            yield {axis.field: value, **rest}


def _axes(
    axes: Sequence[RangeAxis | ChoiceAxis], before: tuple[tuple[Any, Any], ...] = ()
) -> Iterator[list[Any]]:
    """Each axis after the axes whose values bring it, these held at those values."""
    for axis in axes:
        yield [*(_held(parent, value) for parent, value in before), axis]
        if isinstance(axis, ChoiceAxis):
            for value, inner in axis.branches.items():
                yield from _axes(inner, (*before, (axis, value)))


def _held(axis: ChoiceAxis, value: str) -> ChoiceAxis:
    return axis.model_copy(update={"values": (value,), "branches": {}})


def _paths(axes: Sequence[RangeAxis | ChoiceAxis]) -> Iterator[list[str]]:
    """The fields that can stand in one setting together."""
    own = [axis.field for axis in axes]
    yield own
    for axis in axes:
        if isinstance(axis, ChoiceAxis):
            for inner in axis.branches.values():
                for path in _paths(inner):
                    yield own + path


def _require_axis(base: Recipe, path: Sequence[RangeAxis | ChoiceAxis]) -> None:
    """Raise RecipeError unless the last axis of `path` fits, those before it being held."""
    *parents, axis = path
    held = [f"{parent.field}={parent.text(parent.extremes[0])}" for parent in parents]
    if axis.field in IDLE:
        raise RecipeError(
            f"{axis.field} changes no figure of a run, so there is nothing to find; vary another"
        )
    made = []
    for place, value in enumerate(axis.tried):
        edit = f"{axis.field}={axis.text(value)}"
        try:
            made.append(apply(base, [*held, edit]))
        except UserError as fault:
            whole = "" if place < len(axis.extremes) else "; ranges of whole numbers: int, logint"
            raise RecipeError(
                f"the space reaches {edit}, which is not legal: {fault}{whole}"
            ) from None
    _require_change(axis, made)


def _require_change(axis: RangeAxis | ChoiceAxis, made: list[Recipe]) -> None:
    first, *others = (recipe.plain() for recipe in made)
    for value, other in zip(axis.tried[1:], others, strict=True):
        if not differences(first, other):
            raise RecipeError(
                f"{axis.field}={axis.text(value)} makes the same recipe as "
                f"{axis.field}={axis.text(axis.extremes[0])}; leave one of them out"
            )
