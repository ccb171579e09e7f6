"""What a study's folder has in the place of a sweep's tables and page.

study.yaml   the study, as it was asked for
study.csv    a line for each trial
report.html  pictures/
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vaestro.foundation.errors import RunFolderError
from vaestro.foundation.files import write_text
from vaestro.foundation.yaml_text import read_yaml, write_yaml
from vaestro.studies.config import StudyConfig
from vaestro.studies.page import load_page, write_page
from vaestro.sweeps.definition import Definition
from vaestro.sweeps.folder import SweepFolder
from vaestro.sweeps.ledger.rows import Trial
from vaestro.sweeps.summary import as_csv


class StudyKeeping:
    """A study: its definition, its numbers, its page."""

    def __init__(self, study: StudyConfig) -> None:
        self.study = study

    def require_own(self, folder: SweepFolder) -> None:
        """A search's page is not a study's."""
        if (folder.root / "trials.csv").is_file() and not folder.study.is_file():
            raise RunFolderError(
                f"--out {folder.root} holds a sweep; `vaestro sweep --out {folder.root}` goes on "
                "with it, or give another --out"
            )

    def begin(self, folder: SweepFolder) -> None:
        """study.yaml, unless it is there with as many seeds."""
        if not folder.study.is_file() or stored_study(folder.root).seeds < self.study.seeds:
            write_text(folder.study, write_yaml(self.study.plain()))

    def tables(
        self,
        folder: SweepFolder,
        definition: Definition,
        trials: Sequence[Trial],
        summary: dict[str, Any],
    ) -> None:
        """study.csv."""
        write_text(folder.root / "study.csv", as_csv(definition, trials))

    def load(self) -> None:
        """What draws."""
        load_page()

    def page(
        self,
        folder: SweepFolder,
        definition: Definition,
        trials: Sequence[Trial],
        status: str,
        wanted: int,
    ) -> Path:
        """report.html and pictures/."""
        return write_page(self.study, folder, definition, trials, status, wanted)


def holds_study(root: Path) -> bool:
    """Whether the folder is that of a study."""
    return SweepFolder(root).study.is_file()


def stored_study(root: Path) -> StudyConfig:
    """The study of a folder. Raises RunFolderError where none is, RecipeError where it is damaged,
    each in one line."""
    if not holds_study(root):
        raise RunFolderError(
            f"{root} holds no study.yaml, so it is no study; give the folder that `vaestro study` "
            "made, or the NAME of a study"
        )
    path = SweepFolder(root).study
    return StudyConfig.parse(read_yaml(path.read_text(), str(path)))
