"""What one step of a log leaves: sentences, claims, tables and pictures, all of it plain values."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Claim:
    """Something said and what was measured of it.

    said: the log's sentence, or ours where we promise something. measured: our numbers, with their
    units. cause: why it is so. holds: whether the numbers show what this study asserts of
    the sentence, which may be that it is wrong.
    """

    said: str
    measured: str
    cause: str
    holds: bool


@dataclass(frozen=True)
class Table:
    """Rows of texts under a head; the first column names the row."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Picture:
    """A file in the study's pictures/, with what it shows."""

    file: str
    caption: str


@dataclass(frozen=True)
class Chapter:
    """What a step found. `text` are paragraphs."""

    name: str
    title: str
    text: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()

    def plain(self) -> dict[str, Any]:
        """The chapter as JSON has it."""
        return asdict(self)


def from_plain(values: dict[str, Any]) -> Chapter:
    """The chapter that `plain` made these values of."""
    return Chapter(
        name=values["name"],
        title=values["title"],
        text=tuple(values["text"]),
        claims=tuple(Claim(**one) for one in values["claims"]),
        tables=tuple(
            Table(one["title"], tuple(one["head"]), tuple(map(tuple, one["rows"])))
            for one in values["tables"]
        ),
        pictures=tuple(Picture(**one) for one in values["pictures"]),
    )
