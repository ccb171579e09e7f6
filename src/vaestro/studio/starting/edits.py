"""The fewest edits that make one recipe of another, as `--set` has them."""

import json
from collections.abc import Iterator
from typing import Any

from vaestro.foundation.config import Config
from vaestro.foundation.edits import as_text
from vaestro.foundation.errors import RecipeError
from vaestro.foundation.schedules import Constant, Length
from vaestro.foundation.yaml_text import read_yaml


def edits_between(old: Config, new: Config) -> list[str]:
    """`field.path=value` for each field in which `new` differs; a part of another kind is named
    first, then those of its fields that are not as that kind has them."""
    return list(_edits("", old, new))


def _edits(path: str, old: Config | None, new: Config) -> Iterator[str]:
    for name in type(new).model_fields:
        value = getattr(new, name)
        before = getattr(old, name) if old is not None else _default(new, name)
        if name != "kind" and value != before:
            yield from _edit(f"{path}.{name}" if path else name, before, value)


def _default(config: Config, name: str) -> Any:
    return type(config).model_fields[name].get_default(call_default_factory=True)


def _edit(path: str, before: Any, value: Any) -> Iterator[str]:
    if isinstance(value, Constant):
        yield f"{path}={written(_plain(value.value))}"
    elif isinstance(value, Length):
        yield f"{path}={value.amount:g} {value.unit}"
    elif isinstance(value, Config) and type(value) is type(before):
        yield from _edits(path, before, value)
    elif isinstance(value, Config) and hasattr(value, "kind") and isinstance(before, Config):
        yield f"{path}.kind={value.kind}"
        yield from _edits(path, None, value)
    else:
        yield f"{path}={written(_plain(value))}"


def _plain(value: Any) -> Any:
    """A field's value as YAML has it."""
    if isinstance(value, Config):
        return value.plain()
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def written(value: Any) -> str:
    """A plain value as YAML in one line that reads back as the same; JSON where plain words would
    mean something else."""
    text = as_text(value)
    try:
        same = read_yaml(text, "") == value
    except RecipeError:
        same = False
    return text if same else json.dumps(value)
