"""The texts of edits: values in one line of YAML, and several of them with commas between."""

from collections.abc import Iterator
from typing import Any


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
