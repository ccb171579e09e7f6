"""Carry out the study of a log: step after step, each kept once it is taken."""

import time
from pathlib import Path
from typing import Any

from vaestro.foundation.files import write_json
from vaestro.runs.lock import locked
from vaestro.studies.logs import catalogue
from vaestro.studies.logs.bench import Bench, StoppedError
from vaestro.studies.logs.chapter import Chapter
from vaestro.studies.logs.kept import Form, LogFolder
from vaestro.studies.logs.log import Log, Step
from vaestro.studies.logs.page import write_pages
from vaestro.studies.logs.shown import LogDisplay


def carry_out_log(
    log: Log, root: Path, quick: bool, data: Path | None, display: LogDisplay
) -> dict[str, Any]:
    """Take the steps of `log` that were not taken yet, in `root`; returns what `vaestro study
    --json` prints. Raises UserError before the folder exists or where it holds something else."""
    folder = LogFolder(root)
    root.mkdir(parents=True, exist_ok=True)
    folder.begin(Form(log.name, quick, None if data is None else str(data.resolve())))
    with locked(root):
        return _carried(log, folder, Bench(root, quick, display, data), display)


def go_on(root: Path, display: LogDisplay) -> dict[str, Any]:
    """The same for the study that was begun in `root`."""
    form = LogFolder(root).read()
    data = None if form.data is None else Path(form.data)
    return carry_out_log(catalogue.read_log(form.study), root, form.quick, data, display)


def _carried(log: Log, folder: LogFolder, bench: Bench, display: LogDisplay) -> dict[str, Any]:
    known = [folder.chapter(step.name) for step in log.steps]
    chapters = [chapter for chapter in known if chapter is not None]
    titles, shares = [step.title for step in log.steps], [step.share for step in log.steps]
    display.opened(log.name, titles, shares, len(chapters))
    status = "finished"
    try:
        for number, step in enumerate(log.steps):
            if known[number] is None:
                known[number] = _taken(number, step, folder, bench, display)
    except (StoppedError, KeyboardInterrupt):
        status = "interrupted"
    chapters = [chapter for chapter in known if chapter is not None]
    told = outcome(log, folder, chapters, status)
    write_json(folder.outcome, told)
    write_pages(log, folder, chapters, told)
    return told


def _taken(
    number: int, step: Step, folder: LogFolder, bench: Bench, display: LogDisplay
) -> Chapter:
    began = time.monotonic()
    display.begun(number)
    chapter = step.do(bench)
    assert chapter.name == step.name, f"the step {step.name} wrote the chapter {chapter.name}"
    folder.keep(chapter, time.monotonic() - began)
    display.done(number, [claim.holds for claim in chapter.claims])
    return chapter


def outcome(log: Log, folder: LogFolder, chapters: list[Chapter], status: str) -> dict[str, Any]:
    """The outcome as plain values: what `vaestro study --json` prints."""
    claims = [
        {"chapter": chapter.name, **claim}
        for chapter in chapters
        for claim in chapter.plain()["claims"]
    ]
    held = sum(claim["holds"] for claim in claims)
    sentence = f"{held} of {len(claims)} assertions hold."
    if status != "finished":
        sentence = f"{len(chapters)} of {len(log.steps)} steps are taken; so far {sentence}"
    return {
        "study": log.name,
        "folder": str(folder.root),
        "status": status,
        "sentence": sentence,
        "seconds": round(sum(folder.seconds(chapter.name) for chapter in chapters), 1),
        "claims": claims,
    }
