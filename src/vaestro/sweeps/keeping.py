"""What a sweep's folder keeps for people, beside its ledger and its runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from vaestro.foundation.errors import RunFolderError
from vaestro.sweeps.definition import Definition
from vaestro.sweeps.folder import SweepFolder
from vaestro.sweeps.importance import load_forests
from vaestro.sweeps.ledger.rows import Trial
from vaestro.sweeps.page import load_page, write_page
from vaestro.sweeps.summary import write_outcome


class Keeping(Protocol):
    """What is written into the folder, and when. `trials` are all that were asked."""

    def require_own(self, folder: SweepFolder) -> None:
        """Raise RunFolderError in one line where the folder holds what this would write over."""

    def begin(self, folder: SweepFolder) -> None:
        """The folder is this sweep's now; nothing has been trained yet, or it goes on."""

    def tables(
        self,
        folder: SweepFolder,
        definition: Definition,
        trials: Sequence[Trial],
        summary: dict[str, Any],
    ) -> None:
        """Write the numbers: the work has ended, or was interrupted."""

    def load(self) -> None:
        """Import what draws the page, which takes seconds that workers still use: the last settings
        were asked."""

    def page(
        self,
        folder: SweepFolder,
        definition: Definition,
        trials: Sequence[Trial],
        status: str,
        wanted: int,
    ) -> Path:
        """Write the page after the numbers; returns its path. A fault in it ends nothing."""


class SweepKeeping:
    """A search: the best recipe, a line for each trial, a page."""

    def require_own(self, folder: SweepFolder) -> None:
        """A study's page and tables are not a search's."""
        if folder.study.is_file():
            raise RunFolderError(
                f"--out {folder.root} holds a study; `vaestro study --out {folder.root}` goes on "
                "with it, or give another --out"
            )

    def begin(self, folder: SweepFolder) -> None:
        """Nothing more: the folder's definition says all."""

    def tables(
        self,
        folder: SweepFolder,
        definition: Definition,
        trials: Sequence[Trial],
        summary: dict[str, Any],
    ) -> None:
        """best.yaml and trials.csv."""
        write_outcome(folder, definition, trials, summary)

    def load(self) -> None:
        """What draws, and the forests that tell which field matters."""
        load_page()
        load_forests()

    def page(
        self,
        folder: SweepFolder,
        definition: Definition,
        trials: Sequence[Trial],
        status: str,
        wanted: int,
    ) -> Path:
        """report.html and pictures/."""
        return write_page(folder, definition, trials, status, wanted)
