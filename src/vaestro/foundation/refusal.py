"""Why values are no configuration, in one line that says which field, what was given and what is
legal."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from vaestro.foundation.errors import nearest, one_line


def refusal(cls: type[BaseModel], values: Any, fault: ValidationError) -> str:
    """One line about the first fault of `values`: the field, what was given, what is legal."""
    errors = fault.errors()
    error = errors[0]
    path = _path(values, error["loc"])
    given = error["input"]
    match error["type"]:
        case "extra_forbidden":
            name = path.rpartition(".")[2]
            legal = _fields_at(cls, error["loc"][:-1])
            return f"unknown field {path}: {nearest(name, legal)}"
        case "missing":
            return f"{path} is missing; give it in the recipe or as --set {path}=..."
        case "union_tag_invalid":
            legal = [tag.strip(" '") for tag in error["ctx"]["expected_tags"].split(",")]
            return f"{path}.kind is {error['ctx']['tag']!r}; {nearest(error['ctx']['tag'], legal)}"
        case "union_tag_not_found":
            return f"{path} is {given!r}; it needs a kind, such as {path}.kind=..."
        case "model_type" | "model_attributes_type":
            return f"{path} is {given!r}; legal: {_parts_at(cls, error['loc'])}"
        case "value_error":
            return one_line(
                f"{path}: {error['ctx']['error']}" if path else str(error["ctx"]["error"])
            )
        case _:
            shown = one_line(repr(given))[:120]
            told = [_lowered(e["msg"]) for e in errors if _path(values, e["loc"]) == path]
            return f"{path} is {shown}; legal: {' or '.join(dict.fromkeys(told))}"


def _lowered(message: str) -> str:
    text = one_line(message).removeprefix("Input should be ")
    return text[:1].lower() + text[1:].replace("valid tuple", "list")


def _parts_at(cls: type[BaseModel], location: tuple[str | int, ...]) -> str:
    """What may stand at `location` in words: the kinds of a part, or the fields of a mapping."""
    kinds = [kind for kind in map(_kind_of, _models_at(cls, location)) if isinstance(kind, str)]
    if len(kinds) > 1:
        return f"{', '.join(kinds)}, or a mapping with one of them as its kind"
    return f"a mapping of {', '.join(_fields_at(cls, location))}"


def _path(values: Any, location: tuple[str | int, ...]) -> str:
    return ".".join(_path_names(values, location))


def _path_names(values: Any, location: tuple[str | int, ...]) -> list[str]:
    """The location without the union tags that pydantic inserts between a field and its own."""
    names: list[str] = []
    node = values
    tagged: Any = None  # the mapping whose union tag has been passed
    for place, part in enumerate(location):
        named = isinstance(node, Mapping) and node is not tagged and node.get("kind") == part
        following = location[place + 1 : place + 2]
        if named and (part not in node or following == (part,)):
            tagged = node
            continue
        if isinstance(node, Mapping) and part not in node and following and following[0] in node:
            continue  # the tag of a kind that was not said, since it is the usual one
        if isinstance(node, (list, tuple)) and isinstance(part, str):
            continue  # which of several types a list was tried as
        if isinstance(node, str) and node == part:
            node = tagged = {"kind": node}  # a kind that stood for the part: the fields come next
            continue
        if not isinstance(node, (Mapping, list, tuple)):
            break  # a number or a word that stood for a whole part: the fault is its own
        names.append(str(part))
        if isinstance(node, Mapping):
            node = node.get(part)
        elif isinstance(part, int) and part < len(node):
            node = node[part]
    return names


def _fields_at(cls: type[BaseModel], location: tuple[str | int, ...]) -> list[str]:
    """The legal field names of the configuration at `location`."""
    return sorted({name for model in _models_at(cls, location) for name in model.model_fields})


def _models_at(cls: type[BaseModel], location: tuple[str | int, ...]) -> list[type[BaseModel]]:
    """The configurations that may stand at `location`."""
    current: list[type[BaseModel]] = [cls]
    for part in location:
        following: list[type[BaseModel]] = []
        for model in current:
            field = model.model_fields.get(str(part))
            following += _models_in(field.annotation) if field else []
        tagged = [m for m in current if _kind_of(m) == part and len(current) > 1]
        current = tagged or following or current
    return current


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    found: list[type[BaseModel]] = []
    for inner in getattr(annotation, "__args__", ()):
        found += _models_in(inner)
    return found


def _kind_of(model: type[BaseModel]) -> Any:
    field = model.model_fields.get("kind")
    return None if field is None else field.default
