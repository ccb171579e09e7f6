"""A limit: what a setting or a result must meet, such as objective.beta>=1 or mse<=0.02."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from vaestro.foundation.config import Config, leaves
from vaestro.foundation.errors import RecipeError, nearest

_FORM = re.compile(r"^\s*([A-Za-z_][\w.]*)\s*(<=|>=)\s*(\S+)\s*$")


class Limit(Config):
    """`name` is at most or at least `bound`: a number, or another name."""

    name: str
    sign: Literal["<=", ">="]
    bound: float | str

    @classmethod
    def read(cls, text: str) -> "Limit":
        """The limit that a text tells. Raises RecipeError in one line."""
        found = _FORM.match(text)
        if not found:
            raise RecipeError(
                f"--where {text!r} is no limit; give a name, <= or >=, and a number or another "
                "name: --where 'objective.beta>=1' or --where 'mse<=0.02'"
            )
        name, sign, bound = found.groups()
        try:
            number: float | str = float(bound)
        except ValueError:
            number = bound
        return cls.parse({"name": name, "sign": sign, "bound": number})

    def __str__(self) -> str:
        bound = self.bound if isinstance(self.bound, str) else f"{self.bound:g}"
        return f"{self.name}{self.sign}{bound}"

    def excess(self, values: Mapping[str, Any]) -> float | None:
        """By how much the limit is broken: at most 0 when it is met; None without the figures."""
        left, bound = number_at(values, self.name), self.bound
        right = number_at(values, bound) if isinstance(bound, str) else bound
        if left is None or right is None:
            return None
        return left - right if self.sign == "<=" else right - left

    def met(self, values: Mapping[str, Any]) -> bool:
        """Whether it is met. A number that is not there breaks no limit: a setting that lacks the
        field has nothing to limit."""
        excess = self.excess(values)
        return excess is None or excess <= 0

    def require_known(self, values: Mapping[str, Any], fields: Sequence[str]) -> None:
        """Raise RecipeError unless every name is a field of the recipe with these values, or one of
        `fields`."""
        for name in (self.name, self.bound):
            if isinstance(name, str) and name not in fields and not _present(values, name):
                legal = [path for path, _ in leaves(values)]
                raise RecipeError(f"--where {self}: unknown field {name}: {nearest(name, legal)}")


def number_at(values: Mapping[str, Any], path: str) -> float | None:
    """The number at a dotted path; of a schedule that is constant, its value."""
    node: Any = values.get(path, values)
    if node is values:
        for name in path.split("."):
            node = node.get(name) if isinstance(node, Mapping) else None
    if isinstance(node, Mapping) and node.get("kind") in ("constant", "fixed"):
        node = node.get("value")
    number = isinstance(node, int | float) and not isinstance(node, bool)
    return float(node) if number else None


def _present(values: Mapping[str, Any], path: str) -> bool:
    node: Any = values
    for name in path.split("."):
        if not isinstance(node, Mapping) or name not in node:
            return False
        node = node[name]
    return True
