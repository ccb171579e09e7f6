"""Edits of plain configurations, `field.path=value`: taken, applied, told apart in a text,
and written."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from vaestro.foundation.errors import RecipeError, nearest, one_line
from vaestro.foundation.yaml_text import read_yaml


def listed(given: Any, name: str = "set") -> list[str]:
    """The edits that a Python user gives as the argument `name`: several texts, one alone, or None
    for none. Raises RecipeError for what is no text."""
    if given is None:
        return []
    texts = [given] if isinstance(given, str) or not isinstance(given, Iterable) else list(given)
    for one in texts:
        if not isinstance(one, str):
            shown = one_line(f"{name}={given!r}: {one!r}")[:200]
            raise RecipeError(
                f"{shown} is no text of the form field.path=value, such as 'objective.beta=4'"
            )
    return texts


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


def parts(values: str) -> Iterator[str]:
    """The texts between the commas that stand outside every bracket and quote."""
    part, depth, quote = "", 0, ""
    for letter in values:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        else:
            depth += (letter in "[{(") - (letter in ")}]")
        if letter == "," and depth == 0 and not quote:
            yield part.strip()
            part = ""
        else:
            part += letter
    yield part.strip()


def as_text(value: Any) -> str:
    """A plain value as the text of an edit, which is YAML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {as_text(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(as_text(inner) for inner in value) + "]"
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


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
