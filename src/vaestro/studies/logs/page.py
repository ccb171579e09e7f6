"""The page of a log's study: report.html, with everything in it, and page.md."""

import base64
from pathlib import Path
from typing import Any

from vaestro.foundation.files import write_text
from vaestro.reports.advice import Tone, Verdict
from vaestro.reports.glossary import Entry
from vaestro.reports.tables import Card
from vaestro.reports.template import rendered
from vaestro.studies.command import going_on
from vaestro.studies.logs.chapter import Chapter
from vaestro.studies.logs.kept import LogFolder
from vaestro.studies.logs.log import Log
from vaestro.studies.logs.markdown import markdown

WORDS = (
    Entry(
        "claim",
        "assertion",
        "What this study says of a sentence of the log: that it is so, or that it is not, and why. "
        "It holds where the numbers that were measured show it, whatever the log said.",
    ),
    Entry(
        "fault",
        "planted fault",
        "What the log's program did wrong, built into a model that is right. Runs that have one "
        "say so in their manifest and in their report.",
    ),
    Entry(
        "nats",
        "nats",
        "The unit of all terms: natural logarithms of probabilities, summed over a whole sample.",
    ),
)


def write_pages(log: Log, folder: LogFolder, chapters: list[Chapter], told: dict[str, Any]) -> None:
    """Write report.html and page.md."""
    write_text(folder.page, _html(log, folder, chapters, told))
    write_text(folder.markdown, "\n\n".join(markdown(log, folder.read(), chapters, told)) + "\n")


def _html(log: Log, folder: LogFolder, chapters: list[Chapter], told: dict[str, Any]) -> str:
    held = [claim["holds"] for claim in told["claims"]]
    finished, all_hold = told["status"] == "finished", all(held)
    failing = held.count(False)
    word = "one assertion fails" if failing == 1 else f"{failing} assertions fail"
    word = "every assertion holds" if all_hold else word
    tone: Tone = "good" if finished and all_hold else "neutral" if all_hold else "bad"
    return rendered(
        "log.html.j2",
        name=log.title,
        verdict=Verdict(word if finished else told["status"], tone, log.question, "", "", ()),
        cards=_cards(folder, chapters, told),
        source=log.source,
        going_on=None if finished else going_on(folder.root),
        chapters=chapters,
        pictures={p.file: _inlined(folder.root, p.file) for c in chapters for p in c.pictures},
        glossary=WORDS,
    )


def _cards(folder: LogFolder, chapters: list[Chapter], told: dict[str, Any]) -> list[Card]:
    held = sum(claim["holds"] for claim in told["claims"])
    runs = len({path.parent for path in (folder.root / "runs").rglob("summary.json")})
    form = "the quick form" if folder.read().quick else "the full form"
    return [
        Card("Assertions that hold", str(held), f"of {len(told['claims'])}", "", "claim"),
        Card("Steps", str(len(chapters)), "", form, "claim"),
        Card("Runs", str(runs), "", "each a folder in runs/", "fault"),
        Card("Took", f"{told['seconds'] / 60:.0f}", "minutes", "on this machine", "nats"),
    ]


def _inlined(root: Path, file: str) -> str:
    picture = base64.b64encode((root / "pictures" / file).read_bytes()).decode()
    return f"data:image/png;base64,{picture}"
