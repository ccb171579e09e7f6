"""A form for recipes, made from the recipe's schema: every field with its type, range and help.

A part (a mapping of fields, such as `training`) is told once by its name; a field refers to it.

    part    the fields of that part, where `optional` or none of it
    kinds   one of several parts, chosen by its kind
    integer, number     with `least`, `most`, `above`, `below`, and `words` that are legal beside it
    choice, boolean, text
    list    of integers, numbers or texts with commas between them
    yaml    anything else, written as YAML
"""

from typing import Any

from vaestro.studio.starting.help import flowing, help_of

BOUNDS = {
    "minimum": "least",
    "maximum": "most",
    "exclusiveMinimum": "above",
    "exclusiveMaximum": "below",
}
FROM_PYTHON = ("given",)
"""Kinds that only Python can give: no form can start them."""

Schema = dict[str, Any]


def form() -> dict[str, Any]:
    """The parts by name and the name of the whole: {"root": "Recipe", "parts": {...}}."""
    from vaestro.experiments.recipe import Recipe  # loads torch: only who starts a run needs it

    return form_of(Recipe.model_json_schema())


def form_of(schema: Schema) -> dict[str, Any]:
    """The same of any configuration's JSON schema."""
    described = {schema["title"]: schema, **schema.get("$defs", {})}
    parts = {name: _part(one) for name, one in described.items() if "properties" in one}
    return {"root": schema["title"], "parts": parts}


def _part(schema: Schema) -> dict[str, Any]:
    about = schema.get("description", "")
    fields = [name for name in schema["properties"] if name != "kind"]
    told, needed = help_of(about, fields), schema.get("required", ())
    return {
        "about": flowing(about),
        "fields": [
            {
                "name": name,
                "help": told.get(name, ""),
                "required": name in needed,
                "default": schema["properties"][name].get("default"),
                **field_of(schema["properties"][name]),
            }
            for name in fields
        ],
    }


def field_of(schema: Schema) -> dict[str, Any]:
    """How a field is filled in: its form, and in words what is legal."""
    found = _optional(schema["anyOf"]) if "anyOf" in schema else _one(schema)
    return {**found, "legal": legal(found)}


def _one(schema: Schema) -> dict[str, Any]:
    """The form of a schema that is no union."""
    if "$ref" in schema:
        return {"form": "part", "part": _name(schema["$ref"])}
    if "discriminator" in schema:
        mapping = schema["discriminator"]["mapping"].items()
        kinds = {kind: _name(place) for kind, place in mapping if kind not in FROM_PYTHON}
        return {"form": "kinds", "kinds": kinds}
    if "enum" in schema:
        return {"form": "choice", "values": schema["enum"]}
    match schema.get("type"):
        case "integer" | "number" as kind:
            return {"form": kind, **{BOUNDS[k]: v for k, v in schema.items() if k in BOUNDS}}
        case "boolean":
            return {"form": "boolean"}
        case "string":
            return {"form": "text"}
        case "array":
            return _list(schema)
        case _:
            return {"form": "yaml"}


def _list(schema: Schema) -> dict[str, Any]:
    """A row of plain values; parts in a row are written as YAML."""
    items = schema.get("prefixItems") or [schema.get("items", {})]
    kinds = {item.get("type") for item in items}
    if len(kinds) > 1 or not kinds <= {"integer", "number", "string"}:
        return {"form": "yaml"}
    count = len(items) if "prefixItems" in schema else None
    return {"form": "list", "of": _one(items[0]), "count": count}


def _optional(union: list[Schema]) -> dict[str, Any]:
    """A union: null makes a field optional, words may stand beside a number or a list."""
    words = [str(one["const"]) for one in union if "const" in one]
    rest = [one for one in union if "const" not in one and one.get("type") != "null"]
    beside: dict[str, Any] = {"words": words} if words else {}
    found = _joined([_one(one) for one in rest])
    if any(one.get("type") == "null" for one in union):
        beside["optional"] = True
    return {**found, **beside}


def _joined(forms: list[dict[str, Any]]) -> dict[str, Any]:
    """One form that takes what each of some takes."""
    names = {one["form"] for one in forms}
    if len(forms) == 1:
        return forms[0]
    if names <= {"integer", "number"}:
        return {"form": "number"}
    shortest = [one for one in forms if one["form"] == "list"]
    if len(shortest) == 1 and names <= {"integer", "number", "list"}:
        return {"form": "list", "of": shortest[0]["of"], "count": None}
    return {"form": "yaml"}


def _name(place: str) -> str:
    return place.rpartition("/")[2]


def legal(found: dict[str, Any]) -> str:
    """What may be filled in, in words: `a whole number from 1 up, or auto; empty for none`."""
    words = [_first(found), *found.get("words", [])]
    told = " or ".join(word for word in words if word)
    return f"{told}; empty for none" if found.get("optional") and told else told


def _first(found: dict[str, Any]) -> str:
    match found["form"]:
        case "integer":
            return f"a whole number{_span(found)}"
        case "number":
            return f"a number{_span(found)}"
        case "list":
            plural = {"integer": "whole numbers", "number": "numbers"}.get(found["of"]["form"])
            count = f"{found['count']} " if found["count"] else ""
            return f"{count}{plural or 'names'}{_span(found['of'])} with commas between them"
        case "yaml":
            return "YAML"
        case _:
            return ""


def _span(found: dict[str, Any]) -> str:
    """The range of a number."""
    low = f"from {found['least']:g}" if "least" in found else ""
    low = f"above {found['above']:g}" if "above" in found else low
    high = f"to {found['most']:g}" if "most" in found else ""
    high = f"below {found['below']:g}" if "below" in found else high
    told = " ".join(part for part in (low, high or ("up" if "least" in found else "")) if part)
    return f" {told}" if told else ""
