"""The list of everything under the root, kept up to date by the times of files.

A row is read again only when a file of its run changed, so a list of hundreds costs a look at
their names. Every change gets a number; a page asks for what changed after the last it knows.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from vaestro.studio.runs.at_work import at_work, locks_held
from vaestro.studio.runs.gathered import gathered
from vaestro.studio.runs.marks import Mark, files_mark
from vaestro.studio.runs.places import Place, places
from vaestro.studio.runs.row import row
from vaestro.studio.studio import Studio

FRESH = 0.25
"""Seconds for which a look at the disk is good enough for another page."""


@dataclass(frozen=True)
class Look:
    """What lies under the root: each place with the mark of its files and whether a process is at
    work in it."""

    places: tuple[Place, ...]
    marks: tuple[tuple[Mark, bool | None], ...]


@dataclass(frozen=True)
class Listed:
    """A row, the mark at which it was read, and the number of that change."""

    mark: tuple[Mark, bool | None]
    row: dict[str, Any]
    change: int


class Index:
    """The rows of the list; safe for several threads."""

    def __init__(self, studio: Studio) -> None:
        self.root: Path = studio.root
        self.listed: dict[str, Listed] = {}
        self.change = 0
        self.began = time.time_ns()
        self.lock = Lock()
        self.looked: tuple[float, Look] | None = None

    def look(self) -> Look:
        """What lies there now, or did a quarter of a second ago."""
        if self.looked is None or time.monotonic() - self.looked[0] > FRESH:
            found = tuple(places(self.root))
            held = locks_held()
            marks = tuple((files_mark(p.path), at_work(p.path, held)) for p in found)
            self.looked = (time.monotonic(), Look(found, marks))
        return self.looked[1]

    def listing(self, since: str = "") -> dict[str, Any]:
        """{"mark", "ids", "rows"}: every id in order, and the rows that changed after the mark
        `since` (all of them for a mark of another studio)."""
        with self.lock:
            now = self.look()
            for place, mark in zip(now.places, now.marks, strict=True):
                self._read(place, mark)
            ids = [place.id for place in now.places]
            self.listed = {one: self.listed[one] for one in ids}
            rows = gathered({one: self.listed[one].row for one in ids})
            after = self._number(since)
            fresh = {one for one in ids if self.listed[one].change > after}
            fresh |= {str(rows[one]["parent"]) for one in fresh if rows[one]["parent"]}
            told = [rows[one] for one in ids if one in fresh]
            return {"mark": f"{self.began}-{self.change}", "ids": ids, "rows": told}

    def _read(self, place: Place, mark: tuple[Mark, bool | None]) -> None:
        known = self.listed.get(place.id)
        if known is None or known.mark != mark:
            self.change += 1
            read = {**row(self.root, place), "at_work": mark[1], "changed": _newest(mark[0])}
            self.listed[place.id] = Listed(mark, read, self.change)

    def _number(self, since: str) -> int:
        began, _, number = since.partition("-")
        return int(number) if began == str(self.began) and number.isdecimal() else -1


def _newest(mark: Mark) -> float:
    """When a file of the place changed last, in seconds since 1970."""
    return max((time_ns for _, time_ns, _ in mark), default=0) / 1e9
