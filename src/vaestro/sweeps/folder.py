"""The folder of a sweep.

sweep.yaml       the definition
sweep.json       its id and where its ledger is
ledger.sqlite    the truth of every trial, unless it is in a database elsewhere
batches/BBBB-T/  the population of batch B as the holder of token T trained it
trials/NNNN      the run folder of trial N: a link into its batch
report.html      best.yaml    trials.csv    pictures/    logs/
copies.json      which trials were copied to which URL
"""

import os
import shutil
import uuid
from pathlib import Path
from typing import Any

from vaestro.foundation.errors import RunFolderError
from vaestro.foundation.files import read_json, write_json, write_text
from vaestro.foundation.yaml_text import read_yaml, write_yaml

TRIES = 5
"""So often a folder is copied that someone else is still writing into."""


class SweepFolder:
    """The paths inside a sweep's folder. Opening it touches nothing."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.definition = root / "sweep.yaml"
        self.place = root / "sweep.json"
        self.batches = root / "batches"
        self.trials = root / "trials"
        self.report = root / "report.html"
        self.study = root / "study.yaml"
        self.best = root / "best.yaml"
        self.tables = root / "trials.csv"
        self.logs = root / "logs"

    @property
    def exists(self) -> bool:
        """Whether the folder holds a sweep."""
        return self.place.is_file()

    def require_usable(self) -> None:
        """Raise RunFolderError when something else is in the folder."""
        if self.root.is_file():
            raise RunFolderError(f"--out {self.root} is a file; give a folder")
        if not self.exists and self.root.is_dir() and self._others():
            raise RunFolderError(
                f"--out {self.root} is not empty and holds no sweep; give a new folder"
            )

    def _others(self) -> bool:
        return any(
            path.name not in (".lock", "sweep.yaml", "ledger.sqlite")
            for path in self.root.iterdir()
        )

    def place_for(self, storage: str | None) -> dict[str, Any]:
        """A new sweep's id, and the address of its ledger: a file in the folder when not said."""
        url = storage or f"sqlite:///{(self.root / 'ledger.sqlite').resolve()}"
        return {"id": uuid.uuid4().hex, "storage": url}

    def write_definition(self, definition: dict[str, Any]) -> None:
        """Replace the definition, whole or not at all."""
        write_text(self.definition, write_yaml(definition))

    def create(self, definition: dict[str, Any], place: dict[str, Any]) -> None:
        """Write the definition, and last the place that makes the folder a sweep."""
        self.write_definition(definition)
        write_json(self.place, place)
        self.place.chmod(0o600)  # a storage's address may hold a password

    def read_place(self) -> dict[str, Any]:
        """The sweep's id and the address of its ledger. Raises RunFolderError where none is, or
        where they cannot be read."""
        if not self.exists:
            raise RunFolderError(
                f"{self.root} holds no sweep.json, so it is no sweep; give the folder that "
                "`vaestro sweep` made"
            )
        try:
            place = read_json(self.place)
        except ValueError:
            place = None
        if not isinstance(place, dict) or not all(
            isinstance(place.get(name), str) for name in ("id", "storage")
        ):
            raise RunFolderError(
                f"{self.place} is damaged: it must name the sweep's id and its ledger's storage"
            )
        return place | {"storage": self._moved(place["storage"])}

    def _moved(self, storage: str) -> str:
        """A ledger that lies in the folder is found there, also after that has been moved."""
        own = self.root / "ledger.sqlite"
        within = storage.startswith("sqlite:///") and storage.endswith("/ledger.sqlite")
        return f"sqlite:///{own.resolve()}" if within and own.is_file() else storage

    def read_definition(self) -> Any:
        """The definition as plain values. Raises RunFolderError or RecipeError in one line."""
        self.read_place()
        return read_yaml(self.definition.read_text(), str(self.definition))

    def batch(self, number: int, token: int) -> Path:
        """Where the holder of `token` trains batch `number`."""
        return self.batches / f"{number:04d}-{token}"

    def relative(self, path: Path) -> str:
        """A path inside the folder as the ledger keeps it: it holds wherever the folder is."""
        return path.relative_to(self.root).as_posix()

    def link(self, trial: int, run: Path) -> str:
        """Make trials/NNNN a link to the run; its path inside the folder, which stays the same when
        the batch is taken over."""
        self.trials.mkdir(exist_ok=True)
        link = self.trials / f"{trial:04d}"
        fresh = self.trials / f".{trial:04d}.{os.getpid()}"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.path.relpath(run, self.trials))
        fresh.replace(link)
        return self.relative(link)


def copied(source: Path, target: Path) -> None:
    """Copy a population that another process may still be writing, so that it can be gone on with.

    Its record comes first: the checkpoints that it names are kept until after the next record.
    Raises RunFolderError when it changed under every copy.
    """
    for _ in range(TRIES):
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        try:
            shutil.copy2(source / "population.json", target)
            if (source / "members").is_dir():  # else its holder left before the first one began
                shutil.copytree(
                    source / "members",
                    target / "members",
                    ignore=shutil.ignore_patterns(".lock", "*.partial", ".*"),
                    dirs_exist_ok=True,
                )
        except (FileNotFoundError, shutil.Error):
            continue
        return
    raise RunFolderError(f"{source} changed while it was copied; is its worker still running?")
