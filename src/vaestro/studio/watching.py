"""What a page looks at, and whether that changed."""

from collections.abc import Iterable, Mapping

from vaestro.studio.ids import NotThere
from vaestro.studio.runs.index import Index
from vaestro.studio.runs.marks import files_mark
from vaestro.studio.studio import Studio

LIST = ""
"""The id of the list of all runs."""


def marks(studio: Studio, watched: Iterable[str]) -> dict[str, object]:
    """The mark of each watched id; None for what is not there."""
    return {identity: _mark(studio, identity) for identity in watched}


def changes(before: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    """The ids whose mark was another one; what is watched for the first time has not changed."""
    return [one for one, mark in now.items() if one in before and before[one] != mark]


def _mark(studio: Studio, identity: str) -> object:
    if identity == LIST:
        return studio.kept(Index).look()
    try:
        return files_mark(studio.find(identity))
    except NotThere:
        return None
