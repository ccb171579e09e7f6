"""Recipes as text: YAML that builds plain values only, with the numbers of YAML 1.2."""

import re
from collections.abc import Mapping
from typing import Any

import yaml

from vaestro.foundation.errors import RecipeError, one_line

MERGED = "tag:yaml.org,2002:merge"


class _Loader(yaml.SafeLoader):
    """Safe YAML in which 1e-3 is a number, as in YAML 1.2, not a string, and no field of a mapping
    stands twice: the parser would take the last without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """The mapping. Raises ConstructorError for a field that stands twice in it."""
        names: set[str] = set()
        for key, _ in node.value:  # as written: merged fields (<<) may be given again
            if not isinstance(key, yaml.ScalarNode) or key.tag == MERGED:
                continue
            if key.value in names:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the field {key.value!r} stands twice", key.start_mark
                )
            names.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [rule for rule in rules if rule[0] != "tag:yaml.org,2002:float"]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^[-+]?(?:[0-9]+\.[0-9]*(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+"
        r"|\.[0-9]+(?:[eE][-+]?[0-9]+)?|\.(?:inf|Inf|INF|nan|NaN|NAN))$|^[-+]\.(?:inf|Inf|INF)$"
    ),
    list("-+0123456789."),
)


def read_yaml(text: str, where: str) -> Any:
    """Parse YAML `text`; `where` names its origin in the RecipeError that bad YAML raises."""
    try:
        return yaml.load(text, _Loader)  # a SafeLoader: builds plain values only
    except yaml.YAMLError as fault:
        raise RecipeError(f"{where} is not valid YAML: {one_line(str(fault))}") from None
    except RecursionError:
        reason = "its parts lie too deep in one another"
        raise RecipeError(f"{where} is not valid YAML: {reason}") from None


def write_yaml(values: Mapping[str, Any]) -> str:
    """`values` as YAML in the order of the fields; short lists stay on one line."""
    return yaml.safe_dump(values, sort_keys=False, default_flow_style=None, width=88)
