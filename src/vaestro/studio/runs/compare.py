"""Several runs side by side: where their recipes differ, and nothing else of them."""

from collections.abc import Sequence
from typing import Any

from vaestro.foundation.errors import VaestroError, one_line
from vaestro.foundation.yaml_text import read_yaml
from vaestro.reports.facts import mapping
from vaestro.studio.answers import Refused
from vaestro.studio.ids import NotThere
from vaestro.studio.runs.guarded import require_readable
from vaestro.studio.runs.places import Place
from vaestro.studio.runs.row import row
from vaestro.studio.studio import Studio

MOST = 10
"""Runs beside each other: as many as there are colours that stay apart."""
ABSENT = "–"  # noqa: RUF001  (an en dash: the recipe has no such field)
NOT_COMPARED = ("name", "about")


def compare(studio: Studio, identities: Sequence[str]) -> dict[str, Any]:
    """{"runs": [row...], "differences": [[field, [value...]]...]}.

    A run that cannot be read has an `error`. Raises Refused for fewer than two or too many.
    """
    chosen = list(dict.fromkeys(identities))
    if not 2 <= len(chosen) <= MOST:
        raise Refused(f"{len(chosen)} runs were chosen; choose 2 to {MOST} to compare")
    rows = [_row(studio, identity) for identity in chosen]
    recipes = [_recipe(studio, one["id"]) if "error" not in one else {} for one in rows]
    return {"runs": rows, "differences": differences(recipes)}


def differences(recipes: Sequence[dict[str, str]]) -> list[list[Any]]:
    """The fields that not all recipes have alike, with the value of each; in order of fields."""
    fields = dict.fromkeys(field for recipe in recipes for field in recipe)
    told = [[field, [recipe.get(field, ABSENT) for recipe in recipes]] for field in fields]
    return [pair for pair in told if len(set(pair[1])) > 1]


def _row(studio: Studio, identity: str) -> dict[str, Any]:
    try:
        path = studio.find(identity)
    except NotThere as fault:
        return {"id": identity, "name": identity, "error": str(fault)}
    return row(studio.root, Place(identity, path, "run"))


def _recipe(studio: Studio, identity: str) -> dict[str, str]:
    """A run's recipe as field paths with values in YAML's words; {} when it is damaged."""
    folder = studio.find(identity)
    try:
        require_readable(studio.root, folder)
        read = read_yaml((folder / "recipe.yaml").read_text(errors="replace"), "recipe.yaml")
    except (VaestroError, OSError, RecursionError) as fault:
        return {"recipe.yaml": one_line(str(fault))}
    kept = {name: value for name, value in mapping(read).items() if name not in NOT_COMPARED}
    return dict(_flat(kept, ""))


def _flat(value: Any, path: str) -> list[tuple[str, str]]:
    if isinstance(value, dict) and value:
        inside = f"{path}." if path else ""
        return [pair for name, one in value.items() for pair in _flat(one, f"{inside}{name}")]
    return [(path, _said(value))]


def _said(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return str(value)
