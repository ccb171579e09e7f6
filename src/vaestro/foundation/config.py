"""Typed, frozen configuration: parsed from plain values, or refused with a reason."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self, get_args, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from vaestro.foundation.errors import RecipeError
from vaestro.foundation.refusal import refusal


class Config(BaseModel):
    """Base of every configuration: frozen, unknown keys refused, numbers finite."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False
    )

    @model_validator(mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, values: Any) -> Any:
        """`latent: true` would be read as 1."""
        for name, value in values.items() if isinstance(values, dict) else ():
            field = cls.model_fields.get(name)
            if isinstance(value, bool) and field and _only_numbers(field.annotation):
                raise ValueError(f"{name} is {str(value).lower()}; legal: a number")
        return values

    @classmethod
    def parse(cls, values: Any) -> Self:
        """Build from plain values; raises RecipeError with one line about the first fault."""
        try:
            return cls.model_validate(values)
        except ValidationError as fault:
            raise RecipeError(refusal(cls, values, fault)) from None

    def plain(self) -> dict[str, Any]:
        """The configuration as dicts, lists, strings and numbers; each `kind` stands first."""
        values: dict[str, Any] = _kind_first(self.model_dump(mode="json"))
        return values


def _only_numbers(annotation: Any) -> bool:
    """Whether the annotation is of numbers, and of no truth value or part beside them."""
    inner = get_args(annotation)
    if get_origin(annotation) is Literal or not inner:
        return annotation in (int, float, type(None))
    return all(map(_only_numbers, inner[:1] if get_origin(annotation) is Annotated else inner))


def _kind_first(value: Any) -> Any:
    if isinstance(value, list):
        return [_kind_first(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    names = sorted(value, key=lambda name: name != "kind")  # stable: the others keep their order
    return {name: _kind_first(value[name]) for name in names}


def _by_kind(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


ByKind = BeforeValidator(_by_kind)
"""Lets a part be given by its kind alone: `likelihood: bernoulli` is `{kind: bernoulli}`."""


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, int) else value


WholeNumbers = Annotated[tuple[int, ...], BeforeValidator(_listed)]
"""Whole numbers; one may be given alone."""
Widths = Annotated[tuple[Annotated[int, Field(ge=1)], ...], BeforeValidator(_listed)]
"""Sizes of a stack of layers, each at least 1; one number stands for a stack of one."""


def _worded(value: Any) -> Any:
    return [name.strip() for name in value.split(",")] if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_worded)]
"""Names; one name, or several with commas between them, may be given as one text."""


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """The dotted paths at which two plain configurations differ, sorted."""
    left, right = (dict(leaves(values)) for values in (old, new))
    missing = object()
    return sorted(
        path
        for path in left.keys() | right.keys()
        if left.get(path, missing) != right.get(path, missing)
    )


def leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf of `values` as (dotted path, value), in order."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
