"""What a log's study keeps in its folder, beside runs/ and pictures/.

log.json            which study it is and in which form
chapters/NAME.json  what each step found, once it was taken
study.json          the outcome
report.html         the page, and page.md the same for docs/logs
"""

from pathlib import Path
from typing import Any, NamedTuple

from vaestro.foundation.errors import RunFolderError
from vaestro.foundation.files import read_json, write_json
from vaestro.studies.command import going_on
from vaestro.studies.logs.chapter import Chapter, from_plain


class Form(NamedTuple):
    """Which log it is, in which form, on whose data."""

    study: str
    quick: bool
    data: str | None


class LogFolder:
    """The paths of a log's study and what lies there."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.form = root / "log.json"
        self.outcome = root / "study.json"
        self.page = root / "report.html"
        self.markdown = root / "page.md"

    def begin(self, form: Form) -> None:
        """Write down what this is. Raises RunFolderError where something else is."""
        if not self.form.is_file():
            self._require_free()
            write_json(self.form, form._asdict())
            return
        stored = self.read()
        if stored != form:
            raise RunFolderError(
                f"{self.root} holds {_words(stored)}, and {_words(form)} is asked for; "
                f"`{going_on(self.root)}` goes on with it, or give another --out"
            )

    def _require_free(self) -> None:
        """Raise RunFolderError where something lies that is no study."""
        file = next((path for path in (self.root, *self.root.parents) if path.is_file()), None)
        if file is not None:
            raise RunFolderError(f"{file} is a file and can hold no study; give another --out")
        if self.root.is_dir() and any(self.root.iterdir()):
            raise RunFolderError(
                f"--out {self.root} is not empty and holds no study; give a new folder"
            )

    def read(self) -> Form:
        """What was begun here."""
        return Form(**read_json(self.form))

    def chapter(self, name: str) -> Chapter | None:
        """What a step found, None before it was taken."""
        path = self._chapter(name)
        return from_plain(read_json(path)) if path.is_file() else None

    def keep(self, chapter: Chapter, seconds: float) -> None:
        """Keep what a step found, and how long it took."""
        values: dict[str, Any] = {**chapter.plain(), "seconds": round(seconds, 1)}
        write_json(self._chapter(chapter.name), values)

    def seconds(self, name: str) -> float:
        """How long a step took."""
        return float(read_json(self._chapter(name))["seconds"])

    def _chapter(self, name: str) -> Path:
        return self.root / "chapters" / f"{name}.json"


def holds_log(root: Path) -> bool:
    """Whether the folder is that of a log's study."""
    return LogFolder(root).form.is_file()


def _words(form: Form) -> str:
    how = "its quick form" if form.quick else "its full form"
    return f"{form.study} in {how}{f' on {form.data}' if form.data else ''}"
