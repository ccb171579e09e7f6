"""One axis of a space: a recipe field, and the values that it may take."""

import math
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from vaestro.foundation.config import Config
from vaestro.foundation.edits import as_text, parts
from vaestro.foundation.errors import RecipeError, nearest
from vaestro.foundation.yaml_text import read_yaml

FieldPath = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*$")]

DIGITS = 6
"""A drawn number is written into the recipe with so many significant digits."""


class RangeAxis(Config):
    """The numbers from `low` to `high`, both among them; `log` draws their logarithm evenly.

    `points`: so many of them, evenly spaced, make the axis of a grid.
    """

    kind: Literal["range"] = "range"
    field: FieldPath
    low: float
    high: float
    log: bool = False
    integer: bool = False
    points: Annotated[int, Field(ge=2)] | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low < self.high:
            raise ValueError(
                f"the range of {self.field} from {self.low:g} to {self.high:g} is empty; "
                "give the smaller number first"
            )
        if self.log and self.low <= 0:
            raise ValueError(
                f"the logarithmic range of {self.field} begins at {self.low:g}; "
                "it must begin above 0"
            )
        if self.integer and (self.low % 1 or self.high % 1):
            raise ValueError(
                f"the range of {self.field} is one of whole numbers and runs from {self.low:g} to "
                f"{self.high:g}; give whole ends"
            )
        return self

    @property
    def extremes(self) -> tuple[Any, ...]:
        """The ends of the range."""
        return (self._cast(self.low), self._cast(self.high))

    @property
    def tried(self) -> tuple[Any, ...]:
        """Values that tell whether the field takes all: the ends, and of numbers without points one
        that is not whole, which a field of whole numbers refuses."""
        if self.integer or self.points is not None:
            return self.extremes
        golden = (math.sqrt(5) - 1) / 2
        return (*self.extremes, self._cast(self.low + golden * (self.high - self.low)))

    def grid(self) -> tuple[Any, ...]:
        """The `points` values of a grid. Raises RecipeError where their number is not said."""
        if self.points is None:
            raise RecipeError(
                f"a grid needs the number of points on {self.field}; give it third: "
                f"{self.field}={self._name()}({self.low:g},{self.high:g},5)"
            )
        low, high = (math.log(end) if self.log else end for end in (self.low, self.high))
        steps = (low + (high - low) * i / (self.points - 1) for i in range(self.points))
        values = (math.exp(step) if self.log else step for step in steps)
        return tuple(dict.fromkeys(self._cast(value) for value in values))

    def at(self, share: float) -> Any:
        """The number below which this share, from 0 to 1, of the axis lies."""
        around = 0.5 if self.integer else 0.0  # each whole number has its own stretch
        ends = (self.low - around, self.high + around)
        low, high = (math.log(end) if self.log else end for end in ends)
        value = low + share * (high - low)
        value = min(max(math.exp(value) if self.log else value, self.low), self.high)
        return round(value) if self.integer else value

    def holds(self, value: Any) -> bool:
        """Whether it is a value of this axis."""
        number = isinstance(value, int | float) and not isinstance(value, bool)
        whole = not self.integer or (number and value == round(value))
        return number and whole and self.low <= value <= self.high

    def text(self, value: Any) -> str:
        """A value as an edit has it."""
        return str(self._cast(value))

    def _cast(self, value: float) -> Any:
        return round(value) if self.integer else float(f"{value:.{DIGITS}g}")

    def _name(self) -> str:
        return {(0, 0): "range", (1, 0): "log", (0, 1): "int", (1, 1): "logint"}[
            (self.log, self.integer)
        ]


class ChoiceAxis(Config):
    """Some values, as YAML texts; `branches` are further axes that one value brings with it."""

    kind: Literal["choice"] = "choice"
    field: FieldPath
    values: Annotated[tuple[str, ...], Field(min_length=1)]
    branches: "dict[str, tuple[Axis, ...]]" = Field(default={})

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len(set(self.values)) < len(self.values):
            raise ValueError(f"{self.field} has a value twice: {', '.join(self.values)}")
        for name in self.branches:
            if name not in self.values:
                raise ValueError(
                    f"{self.field} has a branch for {name}, which is none of its values; "
                    f"{nearest(name, list(self.values))}"
                )
        return self

    @property
    def extremes(self) -> tuple[str, ...]:
        """Every value: none stands between two others."""
        return self.values

    @property
    def tried(self) -> tuple[str, ...]:
        """Every value."""
        return self.values

    def grid(self) -> tuple[str, ...]:
        """Every value."""
        return self.values

    def at(self, share: float) -> str:
        """The value below which this share, from 0 to 1, of the values lies."""
        return self.values[min(int(share * len(self.values)), len(self.values) - 1)]

    def holds(self, value: Any) -> bool:
        """Whether it is a value of this axis."""
        return value in self.values

    def text(self, value: Any) -> str:
        """A value as an edit has it."""
        return str(value)


Axis = Annotated[RangeAxis | ChoiceAxis, Field(discriminator="kind")]
ChoiceAxis.model_rebuild()

RANGES = {
    "range": {},
    "log": {"log": True},
    "int": {"integer": True},
    "logint": {"log": True, "integer": True},
}
"""The ranges that can be written as name(low,high) or name(low,high,points)."""


def axis_of(field: str, values: Any) -> RangeAxis | ChoiceAxis:
    """The axis that plain values tell: a text such as `log(1,16)` or `a,b,c`, a list of choices, or
    a mapping of the axis' own fields. Raises RecipeError in one line."""
    if isinstance(values, list):
        return ChoiceAxis.parse({"field": field, "values": [as_text(value) for value in values]})
    if isinstance(values, dict):
        return _mapped(field, values)
    text = str(values).strip()
    name, bracket, inside = text.partition("(")
    if bracket and text.endswith(")") and name.strip().isidentifier():
        return _range(field, name.strip(), inside[:-1])
    return ChoiceAxis.parse({"field": field, "values": list(parts(text))})


def _mapped(field: str, values: dict[Any, Any]) -> RangeAxis | ChoiceAxis:
    """An axis written out; the axes of a branch are a mapping of fields to values."""
    if "values" not in values:
        return RangeAxis.parse({"kind": "range", "field": field, **values})
    if not isinstance(values["values"], list):
        raise RecipeError(f"{field}: values are {values['values']!r}; legal: a list of them")
    given = {"field": field, **values, "values": [as_text(value) for value in values["values"]]}
    branches = values.get("branches", {})
    if not isinstance(branches, dict) or not all(isinstance(b, dict) for b in branches.values()):
        raise RecipeError(
            f"{field}: branches are {branches!r}; legal: for a value a mapping of fields to values"
        )
    given["branches"] = {
        as_text(value): [axis_of(name, inner).plain() for name, inner in axes.items()]
        for value, axes in branches.items()
    }
    return ChoiceAxis.parse(given)


def _range(field: str, name: str, inside: str) -> RangeAxis:
    if name not in RANGES:
        raise RecipeError(
            f"{field}={name}({inside}): there is no range {name!r}; {nearest(name, list(RANGES))}"
        )
    given = [read_yaml(text, field) for text in inside.split(",")]
    numbers = all(isinstance(n, int | float) and not isinstance(n, bool) for n in given)
    if len(given) not in (2, 3) or not numbers:
        raise RecipeError(
            f"{field}={name}({inside}): give the two ends, and for a grid the number of points: "
            f"{name}(1,16) or {name}(1,16,5)"
        )
    ends = {"field": field, "low": given[0], "high": given[1], **RANGES[name]}
    return RangeAxis.parse(ends | ({"points": given[2]} if len(given) == 3 else {}))
