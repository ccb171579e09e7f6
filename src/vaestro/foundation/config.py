"""Typed, frozen configuration: parsed from YAML, edited by dotted path, refused with a reason."""

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Self

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from vaestro.foundation.errors import RecipeError, one_line


class Config(BaseModel):
    """Base of every configuration: frozen, unknown keys refused, numbers finite."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False
    )

    @classmethod
    def parse(cls, values: Any) -> Self:
        """Build from plain values; raises RecipeError with one line about the first fault."""
        try:
            return cls.model_validate(values)
        except ValidationError as fault:
            raise RecipeError(_describe(cls, values, fault)) from None

    def plain(self) -> dict[str, Any]:
        """The configuration as dicts, lists, strings and numbers; each `kind` stands first."""
        values: dict[str, Any] = _kind_first(self.model_dump(mode="json"))
        return values


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


Widths = Annotated[tuple[int, ...], BeforeValidator(_listed)]
"""Sizes of a stack of layers, each at least 1; one number stands for a stack of one."""


def _worded(value: Any) -> Any:
    return [name.strip() for name in value.split(",")] if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_worded)]
"""Names; one name, or several with commas between them, may be given as one text."""


class _Loader(yaml.SafeLoader):
    """Safe YAML in which 1e-3 is a number, as in YAML 1.2, not a string."""


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


def write_yaml(values: Mapping[str, Any]) -> str:
    """`values` as YAML in the order of the fields; short lists stay on one line."""
    return yaml.safe_dump(values, sort_keys=False, default_flow_style=None, width=88)


def edited(values: Mapping[str, Any], assignments: tuple[str, ...]) -> dict[str, Any]:
    """`values` with each `a.b.c=value` applied in order; the value is read as YAML.

    A place in a list is named by its number, 0 being the first: `model.encoder.layers.0.kernel=5`.
    Assigning the `kind` of a part, or a bare kind to the part, drops the old kind's fields.
    Raises RecipeError for a malformed assignment or a path that does not exist.
    """
    result: dict[str, Any] = _copied(values)
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        if not equals or not path.strip():
            raise RecipeError(
                f"--set {assignment!r} is not of the form field.path=value, "
                "for example objective.beta=4"
            )
        _assign(result, path.strip(), read_yaml(text, f"--set {assignment!r}"))
    return result


def nearest(name: str, legal: Iterator[str] | list[str]) -> str:
    """A hint naming the legal names nearest to `name`, or all of them when none is near."""
    names = list(legal)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"legal: {', '.join(names)}" if names else "it has no fields"


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


class _Fresh(dict[str, Any]):
    """A part that was just given its kind: its other fields are not filled in yet."""


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        copied = {key: _copied(inner) for key, inner in value.items()}
        return _Fresh(copied) if isinstance(value, _Fresh) else copied
    return [_copied(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def _assign(values: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split(".")
    node: Any = values
    for depth, name in enumerate(parents):
        parent, here = node, ".".join(parents[: depth + 1])
        node = _child(parent, name, here)
        if isinstance(node, str):  # a part given by its kind alone, now given fields
            node = parent[_key(parent, name)] = _Fresh(kind=node)
        if not isinstance(node, (dict, list)):
            raise RecipeError(f"--set {path}: {here} is {node!r} and has no fields")
    old = _child(node, last, path)
    if last == "kind":
        if old != value:
            node.clear()
            node["kind"] = value
            _remade(values, parents, node)
    elif isinstance(old, list) and isinstance(value, str) and "," in value:
        node[_key(node, last)] = read_yaml(f"[{value}]", f"--set {path}")
    else:
        node[_key(node, last)] = value


def _remade(values: dict[str, Any], parents: list[str], node: dict[str, Any]) -> None:
    """Put `node` back at its place as a part whose fields are not filled in."""
    if not parents:
        return
    place: Any = values
    for name in parents[:-1]:
        place = place[_key(place, name)]
    place[_key(place, parents[-1])] = _Fresh(node)


def _key(node: dict[str, Any] | list[Any], name: str) -> Any:
    """What `name` in a path is to its node: a place in a list, a field's name elsewhere."""
    return int(name) if isinstance(node, list) else name


def _child(node: dict[str, Any] | list[Any], name: str, path: str) -> Any:
    """What stands at `name`. Raises RecipeError when nothing does."""
    if isinstance(node, list):
        if name.isascii() and name.isdigit() and int(name) < len(node):
            return node[int(name)]
        legal = f"0 to {len(node) - 1}" if node else "none, the list is empty"
        raise RecipeError(f"there is no {path}: a place in a list is its number; legal: {legal}")
    if name in node:
        return node[name]
    if isinstance(node, _Fresh):
        return None  # its fields are filled in, or refused, by validation
    if not node:
        whole = path.rpartition(".")[0]
        raise RecipeError(f"{whole} is empty; give it whole: --set '{whole}={{{name}: ...}}'")
    raise RecipeError(f"unknown field {path}: {nearest(name, list(node))}")


def _describe(cls: type[Config], values: Any, fault: ValidationError) -> str:
    """One line about the first fault: field, what was given, what is legal."""
    errors = fault.errors()
    error = errors[0]
    path = ".".join(_path_names(values, error["loc"]))
    given = error["input"]
    match error["type"]:
        case "extra_forbidden":
            name = path.rpartition(".")[2]
            legal = _fields_at(cls, error["loc"][:-1], values)
            return f"unknown field {path}: {nearest(name, legal)}"
        case "missing":
            return f"{path} is missing; give it in the recipe or as --set {path}=..."
        case "union_tag_invalid":
            legal = [tag.strip(" '") for tag in error["ctx"]["expected_tags"].split(",")]
            return f"{path}.kind is {error['ctx']['tag']!r}; {nearest(error['ctx']['tag'], legal)}"
        case "union_tag_not_found":
            return f"{path} is {given!r}; it needs a kind, such as {path}.kind=..."
        case "model_type" | "model_attributes_type":
            legal = _fields_at(cls, error["loc"], values)
            return f"{path} is {given!r}; legal: a mapping of {', '.join(legal)}"
        case "value_error":
            return one_line(
                f"{path}: {error['ctx']['error']}" if path else str(error["ctx"]["error"])
            )
        case _:
            shown = one_line(repr(given))[:120]
            return f"{path} is {shown}; legal: {_lowered(error['msg'])}"


def _lowered(message: str) -> str:
    text = one_line(message).removeprefix("Input should be ")
    return text[:1].lower() + text[1:]


def _path_names(values: Any, location: tuple[str | int, ...]) -> list[str]:
    """The location without the union tags that pydantic inserts between a field and its own."""
    names: list[str] = []
    node = values
    tagged: Any = None  # the mapping whose union tag has been passed
    for place, part in enumerate(location):
        named = isinstance(node, Mapping) and node is not tagged and node.get("kind") == part
        if named and (part not in node or location[place + 1 : place + 2] == (part,)):
            tagged = node
            continue
        if not isinstance(node, (Mapping, list, tuple)):
            break  # a number or a word that stood for a whole part: the fault is its own
        names.append(str(part))
        if isinstance(node, Mapping):
            node = node.get(part)
        elif isinstance(part, int) and part < len(node):
            node = node[part]
    return names


def _fields_at(cls: type[Config], location: tuple[str | int, ...], values: Any) -> list[str]:
    """The legal field names of the configuration at `location`."""
    current: list[type[BaseModel]] = [cls]
    for part in location:
        following: list[type[BaseModel]] = []
        for model in current:
            field = model.model_fields.get(str(part))
            following += _models_in(field.annotation, field.metadata) if field else []
        tagged = [m for m in current if _kind_of(m) == part and len(current) > 1]
        current = tagged or following or current
    return sorted({name for model in current for name in model.model_fields})


def _models_in(annotation: Any, metadata: Any = ()) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    found: list[type[BaseModel]] = []
    for inner in getattr(annotation, "__args__", ()):
        found += _models_in(inner)
    return found


def _kind_of(model: type[BaseModel]) -> Any:
    field = model.model_fields.get("kind")
    return None if field is None else field.default
