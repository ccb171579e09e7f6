"""The page of a log's study in Markdown, with the same study on other data beside it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from vaestro.studies.logs.chapter import Chapter, Claim, Table
from vaestro.studies.logs.kept import Form
from vaestro.studies.logs.log import Log


class Beside(NamedTuple):
    """The same study on other data: what the data are called, its form, its outcome in a sentence
    and what its chapters found."""

    name: str
    form: Form
    sentence: str
    chapters: tuple[Chapter, ...]

    def chapter(self, name: str) -> Chapter | None:
        """What the chapter of that name found, None where it was not taken."""
        return next((one for one in self.chapters if one.name == name), None)

    @property
    def shown(self) -> str | None:
        """Its first picture, the one that is shown."""
        return next((picture.file for one in self.chapters for picture in one.pictures), None)

    @property
    def file(self) -> str:
        """What that picture is called beside those of the other study."""
        return f"{self.name}-{self.shown}"


def markdown(
    log: Log,
    form: Form,
    chapters: list[Chapter],
    told: dict[str, Any],
    others: Sequence[Beside] = (),
) -> Iterator[str]:
    """The page as paragraphs of Markdown; of `others`, the same study on other data, the figures
    stand beside those of this one."""
    yield f"# {log.title}"
    yield log.question
    yield log.source
    yield f"Everything below was measured by this command. {told['sentence']}"
    yield _command(form)
    for other in others:
        yield f"What is said *on {other.name}* was measured by this one. {other.sentence}"
        yield _command(other.form)
    for chapter in chapters:
        yield from _chapter(chapter, others)


def _command(form: Form) -> str:
    """The command that carries a study out. Data are named by their folder, wherever it lies."""
    quick = " --quick" if form.quick else ""
    data = "" if form.data is None else f" --data {Path(form.data).name}"
    out = f"studies/{form.study}{data.replace(' --data ', '-')}"
    return f"```sh\nvaestro study {form.study}{quick}{data} --out {out}\n```"


def _chapter(chapter: Chapter, others: Sequence[Beside]) -> Iterator[str]:
    there = [(one, found) for one in others if (found := one.chapter(chapter.name)) is not None]
    yield f"## {chapter.title}"
    yield from chapter.text
    for number, table in enumerate(chapter.tables):
        yield _table(table)
        for one, found in there:
            for same in found.tables[number : number + 1]:
                if same != table:  # what asks no data is said once
                    yield _table(replace(same, title=_on(one, same.title)))
    yield from _pictures(chapter, there)
    for claim in chapter.claims:
        yield from _claim(claim)
        for one, found in there:
            same_words = (other for other in found.claims if other.said == claim.said)
            yield from (_same(one, claim, other) for other in same_words if other != claim)


def _pictures(chapter: Chapter, there: Sequence[tuple[Beside, Chapter]]) -> Iterator[str]:
    """The chapter's own, and the first of each study beside it."""
    for picture in chapter.pictures:
        yield f"![{picture.caption}](pictures/{picture.file})"
        yield picture.caption
    for one, found in there:
        for picture in found.pictures:
            if picture.file == one.shown:
                yield f"![{picture.caption}](pictures/{one.file})"
                yield _on(one, picture.caption)


def _on(other: Beside, text: str) -> str:
    return f"*On {other.name}.* {text}"


def _same(beside: Beside, claim: Claim, other: Claim) -> str:
    """What was measured of the same sentence on other data, and why where that is another cause."""
    cause = "" if other.cause == claim.cause else f" *Cause:* {_text(other.cause)}"
    return f"*On {beside.name}:* {_text(other.measured)}{cause}{_failing(other)}"


def _claim(claim: Claim) -> Iterator[str]:
    yield f"> {_text(claim.said)}"
    measured = f"*Measured:* {_text(claim.measured)}"
    yield f"{measured} *Cause:* {_text(claim.cause)}{_failing(claim)}"


def _failing(claim: Claim) -> str:
    return "" if claim.holds else " **The numbers do not show it.**"


def _table(table: Table) -> str:
    lines = [table.head, ("---",) * len(table.head), *table.rows]
    shown = "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)
    return f"{table.title}:\n\n{shown}" if table.title else shown


def _cell(text: str) -> str:
    return _text(text).replace("|", "\\|")


def _text(text: str) -> str:
    """Text in a line, whose signs are no markup."""
    return " ".join(text.split()).replace("<", "&lt;").replace("*", "\\*")
