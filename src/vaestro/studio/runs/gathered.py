"""The rows of populations, sweeps and studies: gathered from those of their members."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

ENDED = ("finished", "stopped early", "diverged")


def gathered(rows: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The rows with what their members say together, by id."""
    members: dict[str, list[dict[str, Any]]] = {}
    for row in rows.values():
        if row["parent"] is not None:
            members.setdefault(row["parent"], []).append(row)
    return {one: {**row, **_together(row, members.get(one, []))} for one, row in rows.items()}


def _together(row: Mapping[str, Any], members: list[dict[str, Any]]) -> dict[str, Any]:
    if row["kind"] == "run":
        return {}
    verdicts = Counter(str(one["verdict"]) for one in members if "verdict" in one)
    return {
        "members": len(members),
        "ended": sum(one.get("status") in ENDED for one in members),
        "verdicts": dict(verdicts.most_common()),
        "at_work": row["at_work"] or any(one["at_work"] for one in members),
    }
