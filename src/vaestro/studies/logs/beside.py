"""The page of a log's study with the figures of other studies beside it, for docs/logs."""

from collections.abc import Sequence
from pathlib import Path
from shutil import copy, copytree, rmtree
from typing import Any

from vaestro.foundation.errors import RunFolderError
from vaestro.foundation.files import write_text
from vaestro.studies.logs import catalogue
from vaestro.studies.logs.carry import outcome
from vaestro.studies.logs.chapter import Chapter
from vaestro.studies.logs.kept import LogFolder
from vaestro.studies.logs.log import Log
from vaestro.studies.logs.markdown import Beside, markdown


def write_beside(root: Path, others: Sequence[Path], into: Path) -> None:
    """Write INTO/LOG.md, the page of the study in `root` with what the studies of the same log in
    `others` measured on other data, and INTO/LOG/, the pictures. Raises RunFolderError where one
    is of another log."""
    folder = LogFolder(root)
    form = folder.read()
    log = catalogue.read_log(form.study)
    beside = [_beside(log, LogFolder(other)) for other in others]
    chapters, told = _standing(log, folder)
    page = "\n\n".join(markdown(log, form, chapters, told, beside)) + "\n"
    write_text(into / f"{log.name}.md", page.replace("](pictures/", f"]({log.name}/"))
    rmtree(into / log.name, ignore_errors=True)
    copytree(root / "pictures", into / log.name)
    for other, one in zip(others, beside, strict=True):
        if one.shown is not None:
            copy(other / "pictures" / one.shown, into / log.name / one.file)


def _beside(log: Log, folder: LogFolder) -> Beside:
    form = folder.read()
    if form.study != log.name or form.data is None:
        raise RunFolderError(
            f"{folder.root} holds {form.study}{'' if form.data else ' on its own data'}; "
            f"beside {log.name} stands {log.name} on data of yours (--data)"
        )
    chapters, told = _standing(log, folder)
    return Beside(Path(form.data).name, form, told["sentence"], tuple(chapters))


def _standing(log: Log, folder: LogFolder) -> tuple[list[Chapter], dict[str, Any]]:
    """What the steps that were taken found, and the outcome so far."""
    found = [folder.chapter(step.name) for step in log.steps]
    chapters = [chapter for chapter in found if chapter is not None]
    status = "finished" if len(chapters) == len(log.steps) else "interrupted"
    return chapters, outcome(log, folder, chapters, status)
