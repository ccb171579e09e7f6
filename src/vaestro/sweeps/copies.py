"""Run folders of trials that have ended, copied to a URL while the sweep goes on.

Where machines share a disk for the work but results are kept elsewhere: any file system that fsspec
reaches (file, sftp, s3, gs, ...; most need a package of their own, which is named when missing).
The ledger and the sweep's folder stay the truth; a copy is never read.
"""

import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from vaestro.foundation.errors import StorageError, one_line
from vaestro.foundation.files import read_json, write_json
from vaestro.sweeps.folder import SweepFolder
from vaestro.sweeps.ledger.rows import Trial

AGAIN_SECONDS = 30.0
"""How long nothing is copied after a copy failed, while the sweep goes on."""

OWNER = "copied-from.json"
"""At the URL: the id of the sweep whose trials lie there."""

LAST = "summary.json"
"""What a run writes last is copied last: a copy that has it is whole."""


class Copies:
    """Copies of the trials of the sweep in a folder, at `url`."""

    def __init__(self, folder: SweepFolder, url: str, say: Callable[[str], None]) -> None:
        """Raises StorageError in one line for a URL that cannot be written, or that holds another
        sweep's trials."""
        self.folder, self.url, self.say = folder, url, say
        self._system, self._path = reached(url)
        self._done: set[int] = set(self._record().get(url, []))
        self._not_before = 0.0
        self._fault: str | None = None
        own = told(folder.read_place()["id"]) if folder.exists else None
        place = f"{self._path}/{OWNER}"
        if self._system.exists(place) and self._system.cat_file(place) != own:
            raise StorageError(f"--copy-to {url} holds the trials of another sweep; give another")

    def begin(self, id: str) -> None:
        """What is copied is of the sweep `id`. Raises StorageError where that cannot be written."""
        try:
            self._system.pipe_file(f"{self._path}/{OWNER}", told(id))
        except Exception as fault:
            raise unwritable(self.url, fault) from None

    def keep(self, trials: Iterable[Trial]) -> None:
        """Copy what has ended since; after a failure nothing for AGAIN_SECONDS."""
        if time.monotonic() < self._not_before:
            return
        for trial in trials:
            if trial.number in self._done or not _trained(trial):
                continue
            if not self._tried(self.folder.trials / f"{trial.number:04d}", f"{trial.number:04d}"):
                return
            self._done.add(trial.number)
            write_json(self._file, self._record() | {self.url: sorted(self._done)})

    def end(self, trials: list[Trial]) -> dict[str, Any]:
        """Copy the rest, and what the sweep found: {"url", "trials", "missing"}. What cannot be
        copied is said; it stays in the folder, and the same command copies it."""
        self._not_before = 0.0
        self.keep(trials)
        missing = sum(_trained(trial) and trial.number not in self._done for trial in trials)
        found = (self.folder.definition, self.folder.report, self.folder.best, self.folder.tables)
        whole = all(self._sent(path) for path in found if path.is_file()) and not missing
        if not whole:
            self.say(
                f"not all could be copied to {self.url} ({self._fault}): {missing} run folders are "
                f"missing there; they are in {self.folder.trials}, the same command copies them"
            )
        return {"url": self.url, "trials": len(self._done), "missing": missing}

    @property
    def _file(self) -> Path:
        return self.folder.root / "copies.json"

    def _record(self) -> dict[str, list[int]]:
        """The trials that were copied, by URL."""
        known: dict[str, list[int]] = read_json(self._file) if self._file.is_file() else {}
        return known

    def _tried(self, link: Path, name: str) -> bool:
        """Whether the run behind `link` is at the URL now. A batch that is taken over moves."""
        run = link.resolve()
        files = sorted(path for path in run.rglob("*") if path.is_file() and _counts(path))
        files.sort(key=lambda path: path.name == LAST)
        return all(
            self._sent(path, f"trials/{name}/{path.relative_to(run).as_posix()}") for path in files
        )

    def _sent(self, path: Path, name: str | None = None) -> bool:
        """Whether a file is at the URL now, under its own name or another."""
        target = f"{self._path}/{name or path.name}"
        try:
            self._system.makedirs(target.rpartition("/")[0], exist_ok=True)
            self._system.put_file(str(path), target)
        except Exception as fault:  # each file system has exceptions of its own
            self._fault = one_line(str(fault)) or type(fault).__name__
            self._not_before = time.monotonic() + AGAIN_SECONDS
            return False
        return True


def reached(url: str) -> tuple[Any, str]:
    """The fsspec file system of a URL and the path in it, a folder that is there now. Raises
    StorageError in one line."""
    from fsspec.core import url_to_fs  # few sweeps are copied

    try:
        if not url:
            raise ValueError("it is empty")
        system, path = url_to_fs(url)
        system.makedirs(path, exist_ok=True)
    except Exception as fault:
        raise unwritable(url, fault) from None
    return system, path.rstrip("/")


def unwritable(url: str, fault: Exception) -> StorageError:
    """What is said of a URL that is of no use."""
    return StorageError(
        f"--copy-to {url} cannot be written: {one_line(str(fault)) or type(fault).__name__}; give "
        "a folder or a URL such as s3://bucket/sweep, with the package that reads it installed"
    )


def told(id: str) -> bytes:
    """What OWNER holds for the sweep `id`."""
    return json.dumps({"id": id}).encode()


def _trained(trial: Trial) -> bool:
    """Whether a trial has ended and has a run folder."""
    return trial.state != "waiting" and bool(trial.facts["trained"])


def _counts(path: Path) -> bool:
    """Whether a file of a run is one to keep: no lock, nothing half-written."""
    return path.name != ".lock" and path.suffix != ".partial"
